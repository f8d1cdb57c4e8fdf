//! What boot firmware and microcontrollers send, byte for byte, and what they need of the answer:
//! they compare field names to the letter, follow no redirect, and some look only at the first
//! segment that comes.

use crate::support::drive::{
    Client, End, NOW, Served, answer, bare, check, head, head_length, last, show,
};
use crate::support::folder::{Folder, OLD_DATE};
use crate::support::site::{error_page, file_fields, validated_fields};

use ipv6_httpd::http::connection::Step;
use ipv6_httpd::http::limits::Limits;

const OCTETS: &str = "Content-Type: application/octet-stream\r\n";

/// What EDK2 knows a loader by, besides the end of its name.
const EFI: &str = "Content-Type: application/efi\r\n";

/// The answer with a file of this content.
fn file(content: &[u8]) -> Vec<u8> {
    typed(OCTETS, content)
}

fn typed(media_type: &str, content: &[u8]) -> Vec<u8> {
    let tag = format!("\"{:x}-6553f100.0\"", content.len());
    answer("200 OK", &(file_fields(&tag, OLD_DATE) + media_type), content)
}

fn missing() -> Vec<u8> {
    error_page("404 Not Found", "Not found. Check the address, or go to the start page.", "")
}

fn check_all(served: &Served<'_>, rule: &str, conversation: &[(String, Vec<u8>)]) {
    let input: String = conversation.iter().map(|(request, _)| request.as_str()).collect();
    let output: Vec<u8> = conversation.iter().flat_map(|(_, answer)| answer.clone()).collect();
    check(served, &Limits::default(), rule, input.as_bytes(), &output, End::Idle);
}

/// What must be in the first write: the status-line, all fields, and the beginning of the content.
fn first_write(served: &Served<'_>, request: &[u8]) -> (Vec<u8>, bool) {
    let mut client = Client::new(served, &Limits::default());
    client.receive(request);
    let chunk = client.chunk();
    (chunk.bytes.to_vec(), chunk.file.is_some())
}

/// EDK2's HttpBootDxe: HEAD for the size, then GET on the same connection. It takes nothing but
/// 200, fails on a redirect and on a connection that is closed after a 404, and makes `//` when the
/// URL of the boot file ends in a slash.
#[test]
fn uefi_http_boot() {
    let folder = Folder::new();
    folder.file("boot/bootx64.efi", "MZ loader");
    let ask = |method: &str, path: &str, host: &str| {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\nUser-Agent: UefiHttpBoot/1.0\r\n\r\n"
        )
    };
    let loader = typed(EFI, b"MZ loader");
    folder.serve(&[], |served| {
        for host in [
            "192.168.1.35",
            "192.168.1.35:8080",
            "[2001:db8::35]:8080",
            "[fe80::35%25eth0]:8080",
            "boot.example:8080",
        ] {
            for path in ["/boot/bootx64.efi", "//boot/bootx64.efi", "/boot//bootx64.efi"] {
                let conversation = [
                    (ask("HEAD", path, host), head(&loader)),
                    (ask("GET", path, host), loader.clone()),
                ];
                check_all(served, "UEFI: HEAD, then GET", &conversation);
            }
        }
        let conversation = [
            (ask("HEAD", "//revocations.efi", "h:8080"), head(missing())),
            (ask("GET", "//revocations.efi", "h:8080"), missing()),
            (ask("HEAD", "/boot/bootx64.efi", "h:8080"), head(&loader)),
            (ask("GET", "/boot/bootx64.efi", "h:8080"), loader.clone()),
        ];
        check_all(served, "UEFI: on after a 404", &conversation);
        // Since 2024 it resumes.
        let request = ask("GET", "/boot/bootx64.efi", "h:8080")
            .replace("\r\n\r\n", "\r\nRange: bytes=3-8\r\n\r\n");
        let fields =
            file_fields("\"9-6553f100.0\"", OLD_DATE) + EFI + "Content-Range: bytes 3-8/9\r\n";
        let rest = answer("206 Partial Content", &fields, "loader");
        check_all(served, "UEFI: resume", &[(request, rest)]);
    });
}

/// GRUB's efihttp asks HEAD then GET through the firmware, and takes the size from the field that
/// is called `Content-Length`, in exactly that case; else every file is empty to it.
#[test]
fn grub_efihttp() {
    let folder = Folder::new();
    folder.file("grub/initrd.img", "ramdisk");
    folder.file("grub/x86_64-efi/normal.mod", "module");
    folder.serve(&[], |served| {
        for (path, content) in [("/grub/initrd.img", &b"ramdisk"[..]), ("//grub/x86_64-efi/normal.mod", b"module")] {
            for host in ["192.168.1.35:8080", "[2001:db8::35]"] {
                let ask = |method: &str| {
                    format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\nUser-Agent: UefiHttpBoot/1.0\r\n\r\n")
                };
                let conversation = [(ask("HEAD"), head(file(content))), (ask("GET"), file(content))];
                check_all(served, "GRUB efihttp", &conversation);
                let (bytes, _) = first_write(served, ask("HEAD").as_bytes());
                let length = format!("\r\nContent-Length: {}\r\n", content.len());
                assert!(bytes.windows(length.len()).any(|window| window == length.as_bytes()));
            }
        }
    });
}

/// GRUB's own TCP stack: no Accept, a Range without end to go on where it was.
#[test]
fn grub_http() {
    let folder = Folder::new();
    folder.file("vmlinuz", "0123456789");
    folder.serve(&[], |served| {
        let ask = |range: &str| {
            format!("GET /vmlinuz HTTP/1.1\r\nHost: 192.168.1.35\r\nUser-Agent: GRUB 2.12\r\n{range}\r\n")
        };
        let fields = file_fields("\"a-6553f100.0\"", OLD_DATE) + OCTETS;
        let rest = answer("206 Partial Content", &format!("{fields}Content-Range: bytes 4-9/10\r\n"), "456789");
        let conversation = [(ask(""), file(b"0123456789")), (ask("Range: bytes=4-\r\n"), rest)];
        check_all(served, "GRUB http", &conversation);
        // At its end it asks for nothing more; a 416 must leave the connection usable.
        let beyond = error_page(
            "416 Range Not Satisfiable",
            "The range begins after the end of the file.",
            "Vary: Accept-Encoding\r\nContent-Range: bytes */10\r\n",
        );
        let conversation = [(ask("Range: bytes=10-\r\n"), beyond), (ask(""), file(b"0123456789"))];
        check_all(served, "GRUB http at the end", &conversation);
    });
}

/// iPXE: `Connection: keep-alive` first, HEAD and blocks of a disk by Range for sanboot; of a large
/// disk its Range may be garbage, which must be ignored.
#[test]
fn ipxe() {
    let folder = Folder::new();
    let disk: Vec<u8> = (0..4_096_u32).map(|number| (number % 251) as u8).collect();
    folder.file("disk.img", &disk);
    let ask = |method: &str, path: &str, range: &str| {
        format!(
            "{method} {path} HTTP/1.1\r\nConnection: keep-alive\r\nUser-Agent: iPXE/1.21.1\r\nHost: [2001:db8::35]:8080\r\n{range}\r\n"
        )
    };
    let fields = file_fields("\"1000-6553f100.0\"", OLD_DATE) + OCTETS;
    let block = |place: std::ops::Range<usize>| {
        let range = format!("Content-Range: bytes {}-{}/4096\r\n", place.start, place.end - 1);
        answer("206 Partial Content", &(fields.clone() + &range), &disk[place])
    };
    folder.serve(&[], |served| {
        let conversation = [
            (ask("HEAD", "/disk.img", ""), head(file(&disk))),
            (ask("GET", "/disk.img", "Range: bytes=0-511\r\n"), block(0..512)),
            (ask("GET", "//disk.img", "Range: bytes=3584-4095\r\n"), block(3_584..4_096)),
            (ask("GET", "/autoexec.ipxe", ""), missing()),
            (ask("GET", "/disk.img", "Range: bytes=-1702967296--1702966785\r\n"), file(&disk)),
        ];
        check_all(served, "iPXE", &conversation);
        // It splits fields at `: `, and wants nothing but digits in a Content-Length.
        let (bytes, _) = first_write(served, ask("HEAD", "/disk.img", "").as_bytes());
        for line in show(&bytes).lines().skip(1).filter(|line| !line.is_empty()) {
            assert!(line.contains(": "), "{line}");
        }
    });
}

/// ESP8266HTTPUpdate: HTTP/1.0, its state in fields of its own; it needs a Content-Length.
#[test]
fn esp8266_update() {
    let folder = Folder::new();
    let image = vec![0xe9; 3_000];
    folder.file("firmware.bin", &image);
    let request = "GET /firmware.bin?device=42 HTTP/1.0\r\n\
                   Host: 192.168.1.35:8080\r\n\
                   User-Agent: ESP8266-http-Update\r\n\
                   Connection: close\r\n\
                   x-ESP8266-Chip-ID: 226047\r\n\
                   x-ESP8266-STA-MAC: A0:20:A6:14:85:06\r\n\
                   x-ESP8266-AP-MAC: A2:20:A6:14:85:06\r\n\
                   x-ESP8266-free-space: 2740224\r\n\
                   x-ESP8266-sketch-size: 404368\r\n\
                   x-ESP8266-sketch-md5: 83d34178530e0738701d725292a1e1c3\r\n\
                   x-ESP8266-chip-size: 4194304\r\n\
                   x-ESP8266-sdk-version: 2.2.1(cfd48f3)\r\n\
                   x-ESP8266-mode: sketch\r\n\
                   x-ESP8266-version: 0.0001\r\n\r\n";
    folder.serve(&[], |served| {
        let output = last(file(&image));
        check(served, &Limits::default(), "ESP8266", request.as_bytes(), &output, End::Closed);
        // Without the field, HTTP/1.0 closes all the same.
        let plain = request.replace("Connection: close\r\n", "");
        check(served, &Limits::default(), "ESP8266", plain.as_bytes(), &output, End::Closed);
        // Boot code that knows no fragments wants head and content in one piece.
        assert_eq!(first_write(served, request.as_bytes()), (output, false));
    });
}

/// Boot loaders that search for the literal `Content-Length: ` and for the empty line in the first
/// segment.
#[test]
fn esp8266_boot_loader() {
    let folder = Folder::new();
    folder.file("rom0.bin", vec![1; 100]);
    folder.file("large.bin", vec![2; 100_000]);
    folder.serve(&[], |served| {
        for (name, length) in [("rom0.bin", 100), ("large.bin", 100_000)] {
            for version in ["1.0", "1.1"] {
                let request = format!(
                    "GET /{name} HTTP/{version}\r\nHost: 192.168.1.35\r\nConnection: keep-alive\r\n\
                     Cache-Control: no-cache\r\nUser-Agent: rBoot-Sample/1.0\r\nAccept: */*\r\n\r\n"
                );
                let (bytes, file_follows) = first_write(served, request.as_bytes());
                let end = head_length(&bytes);
                let literal = format!("\r\nContent-Length: {length}\r\n");
                assert!(show(&bytes[..end]).contains(&literal.replace("\r\n", "\n")), "{name}");
                // A head of one segment, whatever the path's MTU: IPv6 promises 1,280 bytes.
                assert!(end < 1_220, "{end}");
                assert_eq!(file_follows, length > 16 << 10, "{name}");
            }
        }
    });
}

/// ESP-IDF's esp_http_client and esp_https_ota: HTTP/1.1, a Content-Length of 0 on GET, a Range for
/// the version first; polls with If-None-Match.
#[test]
fn esp32_ota() {
    let folder = Folder::new();
    let image: Vec<u8> = (0..2_000_u32).map(|number| (number % 251) as u8).collect();
    folder.file("esp32.bin", &image);
    let ask = |fields: &str| {
        format!(
            "GET /esp32.bin HTTP/1.1\r\nUser-Agent: ESP32 HTTP Client/1.0\r\nHost: 192.168.1.35:8080\r\n{fields}\r\n"
        )
    };
    let tag = "\"7d0-6553f100.0\"";
    let fields = file_fields(tag, OLD_DATE) + OCTETS;
    let version = answer(
        "206 Partial Content",
        &(fields + "Content-Range: bytes 0-287/2000\r\n"),
        &image[..288],
    );
    folder.serve(&[], |served| {
        let unchanged = bare("304 Not Modified", &validated_fields(tag, OLD_DATE));
        let conversation = [
            (ask("Range: bytes=0-287\r\nContent-Length: 0\r\n"), version),
            (ask("Content-Length: 0\r\n"), file(&image)),
            (ask(&format!("If-None-Match: {tag}\r\nContent-Length: 0\r\n")), unchanged),
        ];
        check_all(served, "ESP32", &conversation);
    });
}

/// A radio that takes 4 KiB in half a minute gets its megabyte, however long that lasts.
#[test]
fn slow_radios_are_not_cut_off() {
    let folder = Folder::new();
    folder.file("firmware.bin", vec![0xe9; 1 << 20]);
    folder.serve(&[], |served| {
        let mut client = Client::new(served, &Limits::default());
        let request = b"GET /firmware.bin HTTP/1.0\r\n\r\n";
        client.receive(request);
        let mut pieces = 0;
        while client.step() == Step::Write {
            let chunk = client.connection.chunk();
            let file = chunk.file.map_or(0, |(_, range)| range.end - range.start);
            let count = (chunk.bytes.len() + file as usize).min(4 << 10);
            client.responder.now.set(client.responder.now.milliseconds + 29_000, NOW);
            assert!(client.responder.now.milliseconds < client.connection.deadline_milliseconds());
            client.sent(count);
            pieces += 1;
        }
        assert!(pieces > 256);
        assert_eq!(client.responder.answered[0].content_bytes, 1 << 20);
    });
}
