package cli

// gone are the options of Ganeti that concern daemons, certificates and
// protocols which Gantry does not have. They are accepted, do what still makes
// sense, and say this on standard error.
var gone = map[string]string{
	"new-cluster-certificate":        "there are no RPC certificates to renew",
	"new-node-certificates":          "there are no RPC certificates to renew",
	"new-confd-hmac-key":             "there is no confd, so there is no key to renew",
	"new-rapi-certificate":           "there is no remote API daemon, so there is no certificate to renew",
	"rapi-certificate":               "there is no remote API daemon; the certificate is not installed",
	"new-cluster-domain-secret":      "instances are moved between clusters over SSH; there is no secret to renew",
	"cluster-domain-secret":          "instances are moved between clusters over SSH; the secret is not used",
	"enabled-data-collectors":        "there is no monitoring daemon; the setting is only kept",
	"data-collector-interval":        "there is no monitoring daemon; the setting is only kept",
	"instance-communication-network": "there is no metadata daemon: instances get an interface in that network, and nobody answers there",
	"user-shutdown":                  "there is no daemon that watches for shutdowns; the watcher heeds the setting when it runs",
}
