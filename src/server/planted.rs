//! Places for mistakes that the campaign makes on purpose, so that it is known to notice them.
#![forbid(unsafe_code)]

/// `planted!(Name)`: whether the mistake of this name (of `campaign::planted`) is made now. Never outside the library's own
/// tests, where it is the word `false`.
#[cfg(not(test))]
macro_rules! planted {
    ($mistake:ident) => {
        false
    };
}

#[cfg(test)]
macro_rules! planted {
    ($mistake:ident) => {
        $crate::server::worker::campaign::planted::is($crate::server::worker::campaign::planted::Mistake::$mistake)
    };
}

pub(crate) use planted;
