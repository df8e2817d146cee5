//! The rule that each fault of the generator breaks.

/// This crate's name of a rule, and the generator's names of the faults that break it.
#[rustfmt::skip]
const RULES: &[(&str, &[&str])] = &[
    ("address_lengths", &["arp.hlen_not_6", "arp.plen_not_4", "arp.swapped_lens", "rarp.hlen_not_6"]),
    ("hardware_type", &["arp.htype_not_ethernet"]),
    ("protocol_type", &["arp.ptype_not_ipv4"]),
    ("operation", &["arp.op_reserved", "arp.rarp_opcode", "rarp.arp_opcode"]),
    ("sender_mac", &["arp.reply_sha_broadcast", "arp.reply_sha_multicast"]),
    ("truncated", &[
        "arp.truncated", "eth.802_3_length_exceeds_frame", "eth.truncated", "geneve.inner_eth_truncated",
        "geneve.option_header_truncated", "geneve.optlen_exceeds_packet", "geneve.truncated", "gre.truncated",
        "ipv4.total_length_exceeds_frame", "ipv4.truncated_header", "ipv6.ext_len_exceeds_payload", "ipv6.ext_truncated",
        "ipv6.frag_truncated", "ipv6.payload_length_exceeds_frame", "ipv6.truncated_header", "nd.message_too_short",
        "nd.message_truncated_by_capture", "nvgre.inner_eth_truncated", "rarp.truncated", "udp.length_exceeds_ip_payload",
        "udp.truncated", "vlan.truncated", "vxlan.inner_arp_truncated", "vxlan.inner_eth_truncated", "vxlan.truncated",
        "vxlan_gpe.truncated",
    ]),
    ("version", &[
        "geneve.version", "gre.version", "ipv4.version", "ipv6.version", "vxlan_gpe.inner_version_mismatch",
        "vxlan_gpe.version",
    ]),
    ("checksum", &[
        "gre.bad_checksum", "ila.checksum_neutral_broken", "ipv4.bad_checksum", "nd.bad_checksum", "udp.bad_checksum",
        "vxlan.outer_udp_bad_checksum",
    ]),
    ("zero_checksum", &["udp.zero_checksum_ipv6"]),
    ("not_ether_type", &["eth.ethertype_undefined_range"]),
    ("multicast_source", &["eth.src_multicast", "ipv4.src_multicast", "ipv6.src_multicast"]),
    ("vlan_id", &["vlan.vid_4095"]),
    ("header_length", &["ipv4.ihl_below_5"]),
    ("length", &["ipv4.ihl_exceeds_total_length", "ipv4.total_length_below_20", "udp.length_below_8"]),
    ("fragment_length", &["ipv4.frag_not_multiple_of_8", "ipv6.frag_not_multiple_of_8"]),
    ("fragment_end", &["ipv4.frag_overflow_65535", "ipv6.frag_overflow_65535"]),
    ("fragment", &["nd.fragmented"]),
    ("option_truncated", &[
        "geneve.option_overruns_optlen", "ipv4.option_len_invalid", "ipv6.opt_overruns_header", "nd.opt_overruns_message",
        "nd.opt_truncated_header",
    ]),
    ("option_length", &[
        "ipv4.option_len_invalid", "nd.dnssl_len_below_2", "nd.lladdr_len_2_on_ethernet", "nd.mtu_len_not_1",
        "nd.pio_len_not_4", "nd.pref64_len_not_2", "nd.rdnss_len_even", "nd.redirected_header_short", "nd.rio_len_over_3",
        "nd.rio_len_too_small_for_prefix",
    ]),
    ("option_length_zero", &["nd.opt_len_zero"]),
    ("option_missing", &["nd.ina_missing_tal"]),
    ("hop_by_hop_not_first", &["ipv6.hbh_not_first"]),
    ("segments_left", &["ipv6.rh0_segments_left"]),
    ("unknown_option", &["ipv6.unknown_option_action_discard"]),
    ("hop_limit", &["nd.hop_limit_not_255"]),
    ("code", &["nd.code_not_0"]),
    ("solicited_to_multicast", &["nd.na_multicast_dst_solicited"]),
    ("multicast_target", &["nd.na_target_multicast", "nd.ns_target_multicast"]),
    ("unspecified_to_other", &["nd.ns_unspecified_src_dst_not_solicited_node"]),
    ("source_option_from_unspecified", &["nd.ns_unspecified_src_with_slla", "nd.rs_unspecified_src_with_slla"]),
    ("not_link_local", &["nd.ra_src_not_link_local", "nd.redirect_src_not_link_local"]),
    ("multicast_destination", &["nd.redirect_destination_multicast"]),
    ("redirect_target", &["nd.redirect_target_invalid"]),
    ("prefix_length", &["nd.6co_context_len_over_128", "nd.pio_prefix_len_over_128"]),
    ("not_text", &["nd.captive_portal_not_utf8_uri"]),
    ("domain_name", &["nd.dnssl_compression_pointer", "nd.dnssl_label_overrun"]),
    ("mtu", &["nd.mtu_below_1280"]),
    ("link_local_prefix", &["nd.pio_link_local_prefix"]),
    ("preferred_beyond_valid", &["nd.pio_preferred_gt_valid"]),
    ("prefix_length_code", &["nd.pref64_reserved_plc"]),
    ("reserved_preference", &["nd.rio_reserved_preference"]),
    ("no_vni", &["vxlan.i_flag_clear", "vxlan_gpe.i_flag_clear"]),
    ("inner_vlan", &["nvgre.inner_vlan_tag", "vxlan.inner_vlan_tag"]),
    ("payload_type", &["geneve.unknown_protocol", "vxlan_gpe.unknown_next_proto"]),
    ("unknown_critical_option", &["geneve.unknown_critical_option"]),
    ("reserved_bits", &["gre.reserved_bits_1_to_5"]),
    ("reserved_vsid", &["nvgre.reserved_vsid"]),
    ("identifier_type", &["ila.reserved_type"]),
];

/// True if the fault breaks this rule.
pub(crate) fn breaks(reason: &str, rule: &str) -> bool {
    RULES.iter().any(|(ours, reasons)| *ours == rule && reasons.contains(&reason))
}
