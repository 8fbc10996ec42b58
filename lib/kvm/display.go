package kvm

import (
	"fmt"
	"net/netip"
	"strings"

	"gantry/lib/config"
)

// display adds the pointer devices and the one display that a guest has: VNC, SPICE or none.
func (w *words) display(g Guest, e Emulator) error {
	hv := g.HV
	w.add("-usb")
	switch {
	case hv.String("usb_mouse") != "":
		w.add("-usbdevice", hv.String("usb_mouse"))
	case hv.String("vnc_bind_address") != "":
		w.add("-usbdevice", "tablet") // a relative pointer is useless over VNC
	}
	switch {
	case hv.String("vnc_bind_address") != "":
		return w.vnc(g, e)
	case hv.String("spice_bind") != "":
		return w.spice(g, e)
	}
	w.add("-display", "none")
	return nil
}

func (w *words) vga(hv config.Params) {
	switch {
	case hv.String("vga") != "":
		w.add("-vga", hv.String("vga"))
	case hv.String("spice_bind") != "":
		w.add("-vga", "qxl")
	}
}

func (w *words) vnc(g Guest, e Emulator) error {
	hv := g.HV
	where := hv.String("vnc_bind_address")
	if strings.HasPrefix(where, "/") {
		w.add("-vnc", "unix:"+where+"/"+g.Name+".vnc")
		return nil
	}
	argument, err := vncDisplay(where, g.Port, e)
	if err != nil {
		return err
	}
	if hv.Bool("vnc_tls") {
		w.add("-object", vncTLS(hv))
		argument += ",tls-creds=vnctls0"
	}
	if hv.String("vnc_password_file") != "" {
		argument += ",password"
	}
	w.add("-vnc", argument)
	return nil
}

func vncDisplay(where string, port int64, e Emulator) (string, error) {
	address, err := netip.ParseAddr(where)
	if err != nil {
		if address, err = firstAddress(e, where, 4); err != nil {
			return "", fail("Could not determine IPv4 address of interface %s", where)
		}
	}
	if port <= vncBase {
		return "none", nil
	}
	display := fmt.Sprint(port - vncBase)
	switch {
	case address == netip.IPv4Unspecified():
		return ":" + display, nil
	case address.Is6():
		return "[" + address.String() + "]:" + display, nil
	}
	return address.String() + ":" + display, nil
}

func vncTLS(hv config.Params) string {
	path := hv.String("vnc_x509_path")
	if path == "" {
		return "tls-creds-anon,id=vnctls0,endpoint=server"
	}
	return "tls-creds-x509,id=vnctls0,endpoint=server,dir=" + path + ",verify-peer=" + onOff(hv.Bool("vnc_x509_verify"), "yes", "no")
}

func (w *words) spice(g Guest, e Emulator) error {
	hv := g.HV
	address, version, err := spiceAddress(g, e)
	if err != nil {
		return err
	}
	argument := "addr=" + address
	if hv.Bool("spice_use_tls") {
		argument += fmt.Sprintf(",tls-port=%d,x509-cacert-file=%s,x509-key-file=%s,x509-cert-file=%s", g.Port, spiceCA, spicePEM, spicePEM)
		argument += option("tls-ciphers", hv.String("spice_tls_ciphers"))
	} else {
		argument += fmt.Sprintf(",port=%d", g.Port)
	}
	if hv.String("spice_password_file") == "" {
		argument += ",disable-ticketing"
	}
	if version != 0 {
		argument += fmt.Sprintf(",ipv%d", version)
	}
	argument += option("image-compression", hv.String("spice_image_compression")) +
		option("jpeg-wan-compression", hv.String("spice_jpeg_wan_compression")) +
		option("zlib-glz-wan-compression", hv.String("spice_zlib_glz_wan_compression")) +
		option("streaming-video", hv.String("spice_streaming_video")) +
		onOff(hv.Bool("spice_playback_compression"), "", ",playback-compression=off")
	if hv.Bool("spice_use_vdagent") {
		w.add("-device", "virtio-serial-pci,id=spice",
			"-device", "virtserialport,chardev=spicechannel0,name=com.redhat.spice.0",
			"-chardev", "spicevmc,id=spicechannel0,name=vdagent")
	} else {
		argument += ",agent-mouse=off"
	}
	w.add("-spice", argument)
	return nil
}

// spiceAddress resolves spice_bind. The version is 0 when qemu needs not be told.
func spiceAddress(g Guest, e Emulator) (string, int64, error) {
	bind, version := g.HV.String("spice_bind"), g.HV.Int("spice_ip_version")
	if _, err := netip.ParseAddr(bind); err == nil {
		return bind, version, nil
	}
	if version != 0 {
		address, err := firstAddress(e, bind, version)
		if err != nil {
			return "", 0, fail("SPICE: Unable to get an IPv%d address for %s", version, bind)
		}
		return address.String(), version, nil
	}
	preferred, other := int64(4), int64(6)
	if g.IPFamily == 6 {
		preferred, other = other, preferred
	}
	for _, version := range []int64{preferred, other} {
		if address, err := firstAddress(e, bind, version); err == nil {
			return address.String(), version, nil
		}
	}
	return "", 0, fail("SPICE: Unable to get an IP address for %s", bind)
}

// firstAddress is the first address of an IP version that a node's interface has.
func firstAddress(e Emulator, iface string, version int64) (netip.Addr, error) {
	for _, text := range e.Addresses[iface] {
		address, err := netip.ParseAddr(text)
		if err == nil && address.Is4() == (version == 4) {
			return address, nil
		}
	}
	return netip.Addr{}, fail("interface %s has no IPv%d address", iface, version)
}

func option(name, value string) string {
	if value == "" {
		return ""
	}
	return "," + name + "=" + value
}

func onOff(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}
