package fetch

import (
	"net/netip"
	"testing"
)

func TestIsPublic(t *testing.T) {
	public := []string{
		"1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "192.0.1.1", "223.255.255.255",
		"2606:4700:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8",
	}
	for _, s := range public {
		if !isPublic(netip.MustParseAddr(s)) {
			t.Errorf("isPublic(%s) = false", s)
		}
	}

	notPublic := []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.0.1",
		"169.254.169.254", "172.16.0.1", "192.0.0.8", "192.0.2.1", "192.88.99.1",
		"192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
		"240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
		"64:ff9b::a00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:a00:1::1",
		"3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
		"2606:4700:4700::1111%eth0",
	}
	for _, s := range notPublic {
		if isPublic(netip.MustParseAddr(s)) {
			t.Errorf("isPublic(%s) = true", s)
		}
	}
	if isPublic(netip.Addr{}) {
		t.Error("isPublic(zero) = true")
	}
}

func TestControl(t *testing.T) {
	guard := control(isPublic)
	for address, ok := range map[string]bool{
		"8.8.8.8:443":                true,
		"[2606:4700:4700::1111]:443": true,
		"127.0.0.1:80":               false,
		"[::1]:80":                   false,
		"[fe80::1%lo]:80":            false,
		"not an address":             false,
		"":                           false,
	} {
		if err := guard(t.Context(), "tcp", address, nil); (err == nil) != ok {
			t.Errorf("control(%q) = %v, want success %v", address, err, ok)
		}
	}
}
