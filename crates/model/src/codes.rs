//! Stable names of sentences, for programs and for those who say them in another language.

macro_rules! codes {
    ($(#[$meta:meta])* $type:ident; $($name:ident = $code:literal,)+) => {
        $(#[$meta])*
        #[expect(missing_docs, reason = "the code says it")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $type {
            $($name,)+
        }

        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its stable name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }
        }
    };
}

pub(crate) use codes;
