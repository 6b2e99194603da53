package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// errBlocked is wrapped by errors about addresses which must not be contacted.
var errBlocked = errors.New("address is not public")

// special are the blocks of the IANA special-purpose address registries that
// are not already covered by a method of netip.Addr, plus the IPv6 blocks that
// embed an IPv4 address and so would lead around the IPv4 rules.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("100.64.0.0/10"),   // carrier-grade NAT
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relay
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarking
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, broadcast

	netip.MustParsePrefix("2001::/23"),     // protocol assignments, Teredo
	netip.MustParsePrefix("2001:db8::/32"), // documentation
	netip.MustParsePrefix("2002::/16"),     // 6to4
	netip.MustParsePrefix("3fff::/20"),     // documentation
}

// globalV6 is all that has been given out for public use in IPv6.
var globalV6 = netip.MustParsePrefix("2000::/3")

// isPublic reports whether an address belongs to the public internet, as
// opposed to this host, its network or nowhere.
func isPublic(ip netip.Addr) bool {
	if ip.Zone() != "" {
		return false // only local addresses have one
	}
	ip = ip.Unmap() // ::ffff:127.0.0.1 is 127.0.0.1
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	if ip.Is6() && !globalV6.Contains(ip) {
		return false
	}
	for _, prefix := range special {
		if prefix.Contains(ip) {
			return false
		}
	}
	return true
}

// control is a net.Dialer.ControlContext. It sees the address that is about to
// be connected to, after name resolution and for every redirect, so neither a
// DNS answer that changes between two look-ups nor a redirect gets past it.
func control(allowed func(netip.Addr) bool) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, _, address string, _ syscall.RawConn) error {
		addrPort, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %s", errBlocked, address)
		}
		if !allowed(addrPort.Addr()) {
			return fmt.Errorf("%w: %s", errBlocked, addrPort.Addr())
		}
		return nil
	}
}
