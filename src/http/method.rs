//! Request methods and sets of them. Pure: bytes in, values out.
#![forbid(unsafe_code)]

/// A request method (RFC 9110 section 9.1, PATCH from RFC 5789).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// RFC 9110 section 9.3.1.
    Get,
    /// RFC 9110 section 9.3.2.
    Head,
    /// RFC 9110 section 9.3.7.
    Options,
    /// RFC 9110 section 9.3.3.
    Post,
    /// RFC 9110 section 9.3.4.
    Put,
    /// RFC 9110 section 9.3.5.
    Delete,
    /// RFC 5789.
    Patch,
    /// RFC 9110 section 9.3.8.
    Trace,
    /// RFC 9110 section 9.3.6.
    Connect,
    /// Any other token; the answer is 501 (RFC 9110 section 9.1).
    Other,
}

/// Every method that has a name, in the order in which `Allow` lists them.
const NAMED: [Method; 9] = [
    Method::Get,
    Method::Head,
    Method::Options,
    Method::Post,
    Method::Put,
    Method::Delete,
    Method::Patch,
    Method::Trace,
    Method::Connect,
];

impl Method {
    /// The method that these bytes name, byte for byte: methods are case-sensitive (RFC 9110 section 9.1), so `get` is
    /// [`Method::Other`]. That the bytes are a token is the request parser's check.
    #[must_use]
    pub const fn parse(name: &[u8]) -> Method {
        match name {
            b"GET" => Method::Get,
            b"HEAD" => Method::Head,
            b"OPTIONS" => Method::Options,
            b"POST" => Method::Post,
            b"PUT" => Method::Put,
            b"DELETE" => Method::Delete,
            b"PATCH" => Method::Patch,
            b"TRACE" => Method::Trace,
            b"CONNECT" => Method::Connect,
            _ => Method::Other,
        }
    }

    /// The name on the wire; `_OTHER`, as in OpenTelemetry's labels, for [`Method::Other`], whose name is not kept so
    /// that peers cannot invent labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
            Method::Patch => "PATCH",
            Method::Trace => "TRACE",
            Method::Connect => "CONNECT",
            Method::Other => "_OTHER",
        }
    }
}

/// A set of methods: what a route answers to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Methods {
    bits: u16,
}

impl Methods {
    /// No method at all.
    pub const NONE: Methods = Methods { bits: 0 };
    /// What content that lies in a file answers to.
    pub const READ: Methods = Methods::NONE.with(Method::Get).with(Method::Head).with(Method::Options);

    /// This set and one more method.
    #[must_use]
    pub const fn with(self, method: Method) -> Methods {
        Methods { bits: self.bits | 1 << method as u16 }
    }

    /// Every method of either set.
    #[must_use]
    pub const fn union(self, other: Methods) -> Methods {
        Methods { bits: self.bits | other.bits }
    }

    /// Whether the method is in the set.
    #[must_use]
    pub const fn contains(self, method: Method) -> bool {
        self.bits & 1 << method as u16 != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// Appends the value of `Allow` (RFC 9110 section 10.2.1), such as `GET, HEAD, OPTIONS`; nothing for an empty set,
    /// which that section allows. [`Method::Other`] has no name to list and is left out.
    pub fn write_allow(self, out: &mut Vec<u8>) {
        let mut separator = "";
        for method in NAMED.into_iter().filter(|&method| self.contains(method)) {
            out.extend_from_slice(separator.as_bytes());
            out.extend_from_slice(method.as_str().as_bytes());
            separator = ", ";
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_round_and_are_case_sensitive() {
        for method in NAMED {
            let name = method.as_str();
            assert_eq!(Method::parse(name.as_bytes()), method);
            assert_eq!(Method::parse(name.to_lowercase().as_bytes()), Method::Other);
            assert_eq!(Method::parse(&name.as_bytes()[1..]), Method::Other);
        }
        for name in ["", "Get", "GET ", "PROPFIND", "_OTHER"] {
            assert_eq!(Method::parse(name.as_bytes()), Method::Other, "{name:?}");
        }
    }

    #[test]
    fn sets_and_their_allow_value() {
        let cases = [
            (Methods::NONE, ""),
            (Methods::READ, "GET, HEAD, OPTIONS"),
            (Methods::NONE.with(Method::Post), "POST"),
            (Methods::NONE.with(Method::Connect).with(Method::Get), "GET, CONNECT"),
            (Methods::NONE.with(Method::Other), ""),
            (Methods::READ.union(Methods::NONE.with(Method::Put)), "GET, HEAD, OPTIONS, PUT"),
        ];
        for (methods, allow) in cases {
            let mut out = Vec::new();
            methods.write_allow(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), allow);
        }
        assert!(Methods::READ.contains(Method::Head) && !Methods::READ.contains(Method::Post));
        assert!(Methods::NONE.is_empty() && !Methods::NONE.with(Method::Other).is_empty());
    }
}
