//! A rule as expressions: what the kernel's virtual machine does, one register at a time.

use netlink_packet_netfilter::nftables::{
    Bitwise, Cmp, DataAttribute, ExpressionAttribute, Expressions, Immediate, ListAttribute,
    Lookup, Meta, MetaKey, Operator, Payload, Register, Verdict, VerdictAttribute,
};
use rtnetlink::packet_core::DefaultNla;

use adit_model::Family;
use ipnet::IpNet;

use super::{
    messages::{NF_ACCEPT, NF_DROP, octets},
    table::{Addresses, Match, Rule, Statement, TableFamily, Transport},
};
use crate::{BYPASS_MARK, BYPASS_MASK};

pub(super) type Expression = ListAttribute<ExpressionAttribute>;

/// The expressions of a rule, each with its attributes in the order in which the kernel shows them.
pub(super) fn expressions(table: TableFamily, rule: &Rule) -> Vec<Expression> {
    let mut program = Program { table, expressions: Vec::new(), family: None, protocol: None };
    rule.matches.iter().for_each(|r#match| program.matches(r#match));
    rule.statements.iter().for_each(|statement| program.does(*statement));
    program.expressions.into_iter().map(Into::into).collect()
}

/// What was written so far, and what the packet is known to be by that.
struct Program {
    table: TableFamily,
    expressions: Vec<Expressions>,
    family: Option<Family>,
    protocol: Option<u8>,
}

/// The only register that is needed: each match loads it anew.
const REGISTER: Register = Register::Reg1;

const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;
const IPPROTO_ICMPV6: u8 = 58;
/// Flags of TCP, byte 13 of its header (RFC 9293, section 3.1).
const TCP_FIN: u8 = 1;
const TCP_SYN: u8 = 2;
const TCP_RST: u8 = 4;
const TCP_ACK: u8 = 16;
const NFPROTO_IPV4: u8 = 2;
const NFPROTO_IPV6: u8 = 10;
const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86DD;

const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;

/// `NFTA_CT_*`.
const CT_DREG: u16 = 1;
const CT_KEY: u16 = 2;
const CT_SREG: u16 = 4;
const CT_KEY_STATE: u32 = 0;
const CT_KEY_MARK: u32 = 3;
/// Bits of `NFT_CT_STATE`.
const ESTABLISHED: u32 = 2;
const RELATED: u32 = 4;

/// `NFTA_FIB_*`.
const FIB_DREG: u16 = 1;
const FIB_RESULT: u16 = 2;
const FIB_FLAGS: u16 = 3;
const FIB_RESULT_ADDRTYPE: u32 = 3;
const FIB_FLAG_SADDR: u32 = 1;
/// The address type of an address of this machine (`linux/rtnetlink.h`).
const RTN_LOCAL: u32 = 2;

/// `NFTA_SOCKET_*`.
const SOCKET_KEY: u16 = 1;
const SOCKET_DREG: u16 = 2;
const SOCKET_LEVEL: u16 = 3;
const SOCKET_CGROUPV2: u32 = 3;

/// `NFTA_NAT_*`.
const NAT_TYPE: u16 = 1;
const NAT_FAMILY: u16 = 2;
const NAT_REG_ADDR_MIN: u16 = 3;
const NAT_DESTINATION: u32 = 1;

/// `NFTA_REJECT_*`.
const REJECT_TYPE: u16 = 1;
const REJECT_ICMP_CODE: u16 = 2;
const REJECT_TCP_RST: u32 = 1;
const REJECT_ICMPX_UNREACH: u32 = 2;
const ICMPX_ADMIN_PROHIBITED: u8 = 3;

/// Room for the name of an interface.
const IFNAMSIZ: usize = 16;

impl Program {
    fn matches(&mut self, r#match: &Match) {
        match r#match {
            Match::Input(name) => self.interface(MetaKey::Iifname, Operator::Equal, name),
            Match::InputOtherThan(name) => {
                self.interface(MetaKey::Iifname, Operator::NotEqual, name);
            }
            Match::Output(name) => self.interface(MetaKey::Oifname, Operator::Equal, name),
            Match::OutputOtherThan(name) => {
                self.interface(MetaKey::Oifname, Operator::NotEqual, name);
            }
            Match::Marked => {
                self.meta(MetaKey::Mark);
                self.is_our_mark();
            }
            Match::ConnectionMarked => {
                self.connection(CT_KEY_MARK);
                self.is_our_mark();
            }
            Match::Known => {
                self.connection(CT_KEY_STATE);
                self.mask((ESTABLISHED | RELATED).to_ne_bytes().to_vec());
                self.compare(Operator::NotEqual, 0_u32.to_ne_bytes().to_vec());
            }
            Match::Family(family) => self.ether_type(*family),
            Match::Tcp => self.protocol(IPPROTO_TCP),
            Match::TcpOpening => {
                self.protocol(IPPROTO_TCP);
                self.payload(TRANSPORT_HEADER, 13, 1);
                self.mask(vec![TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK]);
                self.compare(Operator::Equal, vec![TCP_SYN]);
            }
            Match::Source(addresses) => self.addresses(addresses, 12, 8),
            Match::Destination(addresses) => self.addresses(addresses, 16, 24),
            Match::SourcePort(transport, port) => self.port(*transport, 0, *port),
            Match::DestinationPort(transport, port) => self.port(*transport, 2, *port),
            Match::Icmpv6(kind) => {
                if self.table == TableFamily::Netdev {
                    self.family(Family::Ipv6);
                }
                self.protocol(IPPROTO_ICMPV6);
                self.payload(TRANSPORT_HEADER, 0, 1);
                self.compare(Operator::Equal, vec![kind.number()]);
            }
            Match::SourceIsForeign => {
                self.write(
                    "fib",
                    vec![
                        number(FIB_DREG, REGISTER.into()),
                        number(FIB_RESULT, FIB_RESULT_ADDRTYPE),
                        number(FIB_FLAGS, FIB_FLAG_SADDR),
                    ],
                );
                self.compare(Operator::NotEqual, RTN_LOCAL.to_ne_bytes().to_vec());
            }
            Match::Cgroup { level, number: cgroup } => {
                self.write(
                    "socket",
                    vec![
                        number(SOCKET_KEY, SOCKET_CGROUPV2),
                        number(SOCKET_DREG, REGISTER.into()),
                        number(SOCKET_LEVEL, *level),
                    ],
                );
                self.compare(Operator::Equal, cgroup.to_ne_bytes().to_vec());
            }
        }
    }

    fn does(&mut self, statement: Statement) {
        match statement {
            Statement::MarkConnection => {
                self.meta(MetaKey::Mark);
                let key = number(CT_KEY, CT_KEY_MARK);
                self.write("ct", vec![key, number(CT_SREG, REGISTER.into())]);
            }
            Statement::Accept => self.verdict(vec![code(NF_ACCEPT)]),
            Statement::Drop => self.verdict(vec![code(NF_DROP)]),
            Statement::Jump(chain) => {
                let jump = VerdictAttribute::Code(Verdict::Jump);
                self.verdict(vec![jump, VerdictAttribute::Chain(chain.into())]);
            }
            Statement::Redirect(to) => {
                self.expressions.push(Expressions::Immediate(vec![
                    Immediate::DestinationRegister(REGISTER),
                    Immediate::Data(DataAttribute::Value(octets(to.into()))),
                ]));
                self.write(
                    "nat",
                    vec![
                        number(NAT_TYPE, NAT_DESTINATION),
                        number(NAT_FAMILY, NFPROTO_IPV4.into()),
                        number(NAT_REG_ADDR_MIN, REGISTER.into()),
                    ],
                );
            }
            Statement::Reset => self.write("reject", vec![number(REJECT_TYPE, REJECT_TCP_RST)]),
            Statement::Prohibit => {
                let code = DefaultNla::new(REJECT_ICMP_CODE, vec![ICMPX_ADMIN_PROHIBITED]);
                self.write("reject", vec![number(REJECT_TYPE, REJECT_ICMPX_UNREACH), code]);
            }
        }
    }

    fn interface(&mut self, key: MetaKey, operator: Operator, name: &str) {
        let mut value = name.as_bytes().to_vec();
        value.resize(IFNAMSIZ, 0);
        self.meta(key);
        self.compare(operator, value);
    }

    fn is_our_mark(&mut self) {
        self.mask(BYPASS_MASK.to_ne_bytes().to_vec());
        self.compare(Operator::Equal, BYPASS_MARK.to_ne_bytes().to_vec());
    }

    fn addresses(&mut self, addresses: &Addresses, offset_ipv4: u32, offset_ipv6: u32) {
        let family = addresses.family();
        self.family(family);
        match family {
            Family::Ipv4 => self.payload(NETWORK_HEADER, offset_ipv4, 4),
            Family::Ipv6 => self.payload(NETWORK_HEADER, offset_ipv6, 16),
        }
        match addresses {
            Addresses::Network(network) => self.network(*network),
            Addresses::Set(name, _) => self.expressions.push(Expressions::Lookup(vec![
                Lookup::Set(name.clone()),
                Lookup::SourceRegister(REGISTER),
            ])),
        }
    }

    fn network(&mut self, network: IpNet) {
        if network.prefix_len() < network.max_prefix_len() {
            self.mask(octets(network.netmask()));
        }
        self.compare(Operator::Equal, octets(network.network()));
    }

    fn port(&mut self, transport: Transport, offset: u32, port: u16) {
        self.protocol(match transport {
            Transport::Tcp => IPPROTO_TCP,
            Transport::Udp => IPPROTO_UDP,
        });
        self.payload(TRANSPORT_HEADER, offset, 2);
        self.compare(Operator::Equal, port.to_be_bytes().to_vec());
    }

    /// Without it the address of one family would be looked for in packets of the other.
    fn family(&mut self, family: Family) {
        if self.family.replace(family) == Some(family) {
            return;
        }
        match self.table {
            TableFamily::Inet => {
                self.meta(MetaKey::Nfproto);
                let number = match family {
                    Family::Ipv4 => NFPROTO_IPV4,
                    Family::Ipv6 => NFPROTO_IPV6,
                };
                self.compare(Operator::Equal, vec![number]);
            }
            TableFamily::Netdev => self.ether_type(family),
        }
    }

    fn ether_type(&mut self, family: Family) {
        self.meta(MetaKey::EtherTypeProtocol);
        let kind = match family {
            Family::Ipv4 => ETHERTYPE_IPV4,
            Family::Ipv6 => ETHERTYPE_IPV6,
        };
        self.compare(Operator::Equal, kind.to_be_bytes().to_vec());
    }

    fn protocol(&mut self, protocol: u8) {
        if self.protocol.replace(protocol) == Some(protocol) {
            return;
        }
        self.meta(MetaKey::L4Proto);
        self.compare(Operator::Equal, vec![protocol]);
    }

    fn meta(&mut self, key: MetaKey) {
        let meta = vec![Meta::Key(key), Meta::DestinationRegister(REGISTER)];
        self.expressions.push(Expressions::Meta(meta));
    }

    fn connection(&mut self, key: u32) {
        self.write("ct", vec![number(CT_DREG, REGISTER.into()), number(CT_KEY, key)]);
    }

    fn payload(&mut self, base: u32, offset: u32, length: u32) {
        self.expressions.push(Expressions::Payload(vec![
            Payload::DestinationRegister(REGISTER),
            Payload::Base(base),
            Payload::Offset(offset),
            Payload::Len(length),
        ]));
    }

    fn mask(&mut self, mask: Vec<u8>) {
        let length = u32::try_from(mask.len()).unwrap_or(u32::MAX);
        let zero = vec![0; mask.len()];
        self.expressions.push(Expressions::Bitwise(vec![
            Bitwise::SourceRegister(REGISTER),
            Bitwise::DestinationRegister(REGISTER),
            Bitwise::Length(length),
            Bitwise::Mask(DataAttribute::Value(mask)),
            Bitwise::Xor(DataAttribute::Value(zero)),
        ]));
    }

    fn compare(&mut self, operator: Operator, value: Vec<u8>) {
        self.expressions.push(Expressions::Cmp(vec![
            Cmp::SourceRegister(REGISTER),
            Cmp::Op(operator),
            Cmp::Data(DataAttribute::Value(value)),
        ]));
    }

    fn verdict(&mut self, verdict: Vec<VerdictAttribute>) {
        self.expressions.push(Expressions::Immediate(vec![
            Immediate::DestinationRegister(Register::Verdict),
            Immediate::Data(DataAttribute::Verdict(verdict)),
        ]));
    }

    /// An expression that the library has no type for.
    fn write(&mut self, name: &str, attributes: Vec<DefaultNla>) {
        self.expressions.push(Expressions::Other { expression_type: name.to_owned(), attributes });
    }
}

fn code(code: u32) -> VerdictAttribute {
    VerdictAttribute::Code(Verdict::Other(code))
}

/// A number in the network's byte order, as all of `nf_tables`.
fn number(kind: u16, value: u32) -> DefaultNla {
    DefaultNla::new(kind, value.to_be_bytes().to_vec())
}
