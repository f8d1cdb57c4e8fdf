//! Status codes (RFC 9110 §15), and why a request is rejected with one.

macro_rules! statuses {
    ($($name:ident = $code:literal $reason:literal,)*) => {
        /// The status codes that this server sends (RFC 9110 §15).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub enum Status {
            $(#[doc = concat!(stringify!($code), " ", $reason)] $name = $code,)*
        }

        impl Status {
            /// The status-line without its end. RFC 9110 §2.5: the version is that of the server,
            /// whatever the request had.
            pub(super) fn line(self) -> &'static str {
                match self { $(Status::$name => concat!("HTTP/1.1 ", stringify!($code), " ", $reason),)* }
            }

            /// Code and reason phrase, as the status-line has them.
            pub fn text(self) -> &'static str {
                let (_version, text) = self.line().split_at(9);
                text
            }
        }
    };
}

statuses! {
    Ok = 200 "OK",
    NoContent = 204 "No Content",
    PartialContent = 206 "Partial Content",
    MovedPermanently = 301 "Moved Permanently",
    Found = 302 "Found",
    NotModified = 304 "Not Modified",
    BadRequest = 400 "Bad Request",
    Unauthorized = 401 "Unauthorized",
    Forbidden = 403 "Forbidden",
    NotFound = 404 "Not Found",
    MethodNotAllowed = 405 "Method Not Allowed",
    NotAcceptable = 406 "Not Acceptable",
    RequestTimeout = 408 "Request Timeout",
    PreconditionFailed = 412 "Precondition Failed",
    UriTooLong = 414 "URI Too Long",
    RangeNotSatisfiable = 416 "Range Not Satisfiable",
    ExpectationFailed = 417 "Expectation Failed",
    TooManyRequests = 429 "Too Many Requests",
    RequestHeaderFieldsTooLarge = 431 "Request Header Fields Too Large",
    InternalServerError = 500 "Internal Server Error",
    NotImplemented = 501 "Not Implemented",
    ServiceUnavailable = 503 "Service Unavailable",
    HttpVersionNotSupported = 505 "HTTP Version Not Supported",
}

impl Status {
    /// As in 404.
    pub fn code(self) -> u16 {
        self as u16
    }

    /// Whether this is an error of the client (4xx) or the server (5xx).
    pub fn is_error(self) -> bool {
        self.code() >= 400
    }
}

/// Why a request is rejected or refused: the status, and one sentence for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The status of the response.
    pub status: Status,
    /// What is wrong, as a sentence for the client.
    pub reason: &'static str,
    /// A field that the status needs: `WWW-Authenticate`, `Retry-After`.
    pub field: Option<(&'static str, String)>,
}

impl Reject {
    /// A rejection without a field.
    pub const fn new(status: Status, reason: &'static str) -> Reject {
        Reject { status, reason, field: None }
    }

    /// There is too much to do at the moment.
    pub fn busy() -> Reject {
        let reason = "The server is busy. Try again in a moment.";
        let field = Some(("Retry-After", "1".to_owned()));
        Reject { status: Status::ServiceUnavailable, reason, field }
    }

    pub(super) const fn bad(reason: &'static str) -> Reject {
        Reject::new(Status::BadRequest, reason)
    }
}
