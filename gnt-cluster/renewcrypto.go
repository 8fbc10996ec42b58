package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"gantry/lib/ancillary"
	"gantry/lib/cli"
	"gantry/lib/cluster"
	"gantry/lib/fault"
	"gantry/lib/unit"
)

// renewal is what is to be renewed.
type renewal struct {
	op                 cluster.RenewCrypto
	newSpice           bool
	spice, spiceCA     string // files
	newRAPI, newSecret bool
	rapi, secret       string // files
}

func renewCrypto(c *cli.Command) {
	c.Usage("[<opts>...]", "Renews certificates and keys of the cluster")
	var r renewal
	keyCheck := true
	c.Flag("new-cluster-certificate", "Certificate of daemons that are not there").Gone().Bool()
	c.Flag("new-rapi-certificate", "Certificate of a daemon that is not there").Gone().BoolVar(&r.newRAPI)
	c.Flag("rapi-certificate", "Certificate of a daemon that is not there").Meta("RAPI_CERT").Gone().StringVar(&r.rapi)
	c.Flag("new-confd-hmac-key", "Key of a daemon that is not there").Gone().Bool()
	force := c.Flag("force", "Do not ask for confirmation").Short('f').Bool()
	c.Flag("new-cluster-domain-secret", "Secret of a protocol that is not there").Gone().BoolVar(&r.newSecret)
	c.Flag("cluster-domain-secret", "Secret of a protocol that is not there").Gone().StringVar(&r.secret)
	c.Flag("new-spice-certificate", "Make a new certificate for SPICE consoles").BoolVar(&r.newSpice)
	c.Flag("spice-certificate", "Take this file for SPICE consoles: key and certificate").Meta("SPICE_CERT").StringVar(&r.spice)
	c.Flag("spice-ca-certificate", "Take this file for what vouches for it").Meta("SPICE_CACERT").StringVar(&r.spiceCA)
	c.Flag("new-node-certificates", "Certificates of daemons that are not there").Gone().Bool()
	c.Flag("new-ssh-keys", "Give root new SSH keys on the master candidates").BoolVar(&r.op.SSHKeys)
	c.Flag("no-ssh-key-check", "Makes no difference here").FalseVar(&keyCheck)
	c.Flag("verbose", "Makes no difference here").Short('v').Bool()
	c.Flag("ssh-key-bits", "Length of root's new SSH keys").IntVar(&r.op.SSHKeyBits)
	c.Flag("ssh-key-type", "Type of root's new SSH keys").ChoiceVar(&r.op.SSHKeyType, "rsa", "dsa", "ecdsa")

	c.Run(func(ctx context.Context, env *cli.Env) error {
		env.Println(`Updating certificates now. Running "gnt-cluster verify"  is recommended after this operation.`)
		spice, err := r.read()
		if err != nil {
			return err
		}
		if !*force && !env.Confirm("The certificates and keys named are replaced on all nodes. Continue?") {
			return cli.Declined
		}
		if r.newSpice {
			if spice, err = ancillary.NewSpice(env.Now()); err != nil {
				return err
			}
		}
		if spice.Pair != nil {
			if err := install(ctx, env, spice); err != nil {
				return err
			}
		}
		if r.op.SSHKeys {
			if err := env.Submit(ctx, r.op); err != nil {
				return err
			}
		}
		env.Println(`All requested certificates and keys have been replaced. Running "gnt-cluster verify" now is recommended.`)
		return nil
	})
}

// read refuses options that exclude each other and files that cannot be used, and returns the certificate that was given.
func (r renewal) read() (spice ancillary.Spice, err error) {
	switch {
	case r.newRAPI && r.rapi != "":
		return spice, fault.Say("Only one of the --new-rapi-certificate and --rapi-certificate options can be specified at the same time.")
	case r.newSecret && r.secret != "":
		return spice, fault.Say("Only one of the --new-cluster-domain-secret and --cluster-domain-secret options can be specified at the same time.")
	case r.newSpice && r.spice+r.spiceCA != "":
		return spice, fault.Say("When using --new-spice-certificate, the --spice-certificate and --spice-ca-certificate must not be used.")
	case (r.spice == "") != (r.spiceCA == ""):
		return spice, fault.Say("Both --spice-certificate and --spice-ca-certificate must be specified.")
	}
	for _, f := range []struct {
		path string
		into *[]byte
	}{{r.rapi, new([]byte)}, {r.spice, &spice.Pair}, {r.spiceCA, &spice.CA}} {
		if f.path == "" {
			continue
		}
		if *f.into, err = certificate(f.path); err != nil {
			return spice, fault.Say(fmt.Sprintf("Unable to load X509 certificate from %s: %v", f.path, err))
		}
	}
	return spice, nil
}

func certificate(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		text := number.Error()
		return nil, fmt.Errorf("Unable to read certificate: [Errno %d] %s: %s", int(number), strings.ToUpper(text[:1])+text[1:], unit.Repr(path))
	}
	if err != nil {
		return nil, err
	}
	_, err = ancillary.Certificate(data)
	return data, err
}

// install puts the certificate of the SPICE consoles on the master, and from there on all nodes.
func install(ctx context.Context, env *cli.Env, spice ancillary.Spice) error {
	if err := env.Alone(); err != nil {
		return err
	}
	cfg, err := env.Config()
	if err != nil {
		return err
	}
	if err := env.Fenced(ctx); err != nil {
		return err
	}
	nodes, err := env.Nodes()
	if err != nil {
		return err
	}
	if err := spice.Put(ctx, nodes, cfg.MasterNode().Name, env.DataDir()); err != nil {
		return err
	}
	failed := false
	for _, r := range ancillary.PushAll(ctx, nodes, cfg, env.DataDir()) {
		if r.Err != nil {
			failed = true
			env.Warn("Copying files to node %s: %v", r.Node, r.Err)
		}
	}
	if failed {
		return fault.Say("Not all nodes have the new certificate; gnt-cluster redist-conf tries again")
	}
	return nil
}
