//! Who may ask, over real sockets: networks, proxies, users. The tables of each rule are beside
//! the code; here is what comes of them together.

mod networks;
mod options;
mod proxies;
mod users;

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use crate::support::client::{Conversation, connect};
use crate::support::folder::Folder;
use crate::support::server::TestServer;

/// `openssl passwd -5 -salt saltstring 'Hello world!'`
const HASH: &str = "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5";

/// A folder with a site in it, and room beside that for what is not to be served.
struct Place(Folder);

impl Place {
    fn new() -> Place {
        Place(Folder::with(&[("site/a.txt", "hello\n")]))
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.0.write(name, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.into_os_string().into_string().unwrap()
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).into_os_string().into_string().unwrap()
    }

    fn site(&self) -> String {
        self.path("site")
    }
}

struct Server {
    running: TestServer,
    lines_read: usize,
}

impl Server {
    fn start(site: &str, options: &[&str]) -> Server {
        Server { running: TestServer::start(options, site), lines_read: 0 }
    }

    fn connect(&self, host: &str) -> TcpStream {
        connect((host, self.running.port))
    }

    /// Everything that is answered to these bytes, but for the Date.
    fn answer(&self, host: &str, request: &[u8]) -> String {
        let mut client = Conversation::over(self.connect(host));
        client.send(request);
        client.shut_down_writing();
        let answer = client.rest_or_reset();
        let answer = String::from_utf8(answer).unwrap();
        let lines = answer.split_inclusive('\n');
        lines.filter(|line| !line.starts_with("Date: ")).collect()
    }

    /// The status and the content.
    fn get(&self, path: &str, fields: &str) -> (String, String) {
        self.get_behind(b"", path, fields)
    }

    fn get_behind(&self, header: &[u8], path: &str, fields: &str) -> (String, String) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        let answer = self.answer("127.0.0.1", &[header, request.as_bytes()].concat());
        let (head, content) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.get(9..12).unwrap_or("").to_owned();
        (status, content.to_owned())
    }

    /// The next line of the log without its time. Lines of two connections come in any order,
    /// for each has its worker: read the one before you ask for the other.
    fn log_line(&mut self) -> String {
        self.lines_read += 1;
        let lines = self.running.log_of(self.lines_read);
        let (start, rest) = lines[self.lines_read - 1].split_once('[').unwrap();
        let (_, end) = rest.split_once("] ").unwrap();
        format!("{start}{end}")
    }
}
