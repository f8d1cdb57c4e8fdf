//! A server of files over HTTP/1.1, on IPv6 and IPv4 at once, from `std` alone.
//!
//! It is a program: its library serves its tests, and promises nothing to others.
//!
//! # The map
//!
//! | module | what | may import |
//! |---|---|---|
//! | `main` | arguments, exit status | `cli`, `server` |
//! | [`cli`] | words -> [`config::Config`]; the help text | `config`, `access`, `http::grammar`, `sys` |
//! | [`config`] | what the operator decided | `access`, `http::limits`, `sys` |
//! | [`http`] | the protocol: no sockets, no file operations, no clock | nothing |
//! | [`peer`] | who sends a request: address, household, name | `sys` |
//! | [`qr`] | a URL as a drawing for phones | nothing |
//! | [`site`] | what a target names: opens files, knows no sockets | `http`, `config`, `peer`, `sys` |
//! | [`access`] | who may ask: proxies, networks, users; knows no sockets | `http`, `peer`, `sys` |
//! | [`server`] | the only sockets and threads | all of the above but `cli` |
//! | [`sys`] | what the system offers and std does not: the only unsafe code | nothing |
//!
//! Each file, by its path. `tests/tidy.rs` reads the source, and fails where this is not so.
//!
//! ```text
//! main.rs                          arguments -> configuration -> server; exit status
//! lib.rs                           the map: every file, who may import whom, the way of one request
//! config.rs                        what the operator decided, validated once at start-up
//! peer.rs                          who sends a request: address, household, name
//! qr.rs                            QR codes for --qr · ISO/IEC 18004
//! cli/mod.rs                       words -> Command; the help, the hints
//! cli/flags.rs                     the options, one row each: names, value and its words, setter, description
//! cli/rows.rs                      the options as the program keeps them: one text, and the setters
//! cli/values.rs                    values that need a reader: numbers, paths, addresses; words are in flags.rs
//! cli/words.rs                     a command line as words: options, values
//! access/mod.rs                    Access: decides about a request before the site sees it
//! access/auth_file.rs              the auth file: read, and read again when it changes
//! access/list.rs                   networks that are allowed and denied, and what local is now
//! access/network.rs                an address and how many bits of it count
//! access/sha256.rs                 SHA-256 · FIPS 180-4
//! access/sha256_crypt.rs           passwords as `openssl passwd -5` keeps them
//! access/accounts/mod.rs           Accounts: checks credentials
//! access/accounts/lockout.rs       who has to wait after wrong passwords
//! access/accounts/logins.rs        who has logged in as a user, and from where
//! access/accounts/tests.rs         credentials as clients send them, and what comes of them
//! access/accounts/users.rs         users and hashes; what stands in for unknown users
//! http/mod.rs                      the order of its layers
//! http/grammar.rs                  tokens, white space, lists, numbers · RFC 9110 §5.6
//! http/limits.rs                   bounds on what clients send and how long they take, with unit and reason
//! http/buffers.rs                  memory that connections use one after the other
//! http/date.rs                     HTTP-date, both ways · RFC 9110 §5.6.7
//! http/now.rs                      the time, as the core is told it
//! http/status.rs                   status codes; Reject: why a request is rejected · RFC 9110 §15
//! http/fields.rs                   field lines: syntax and look-up; what of one that stands twice · RFC 9110 §5
//! http/path.rs                     SitePath: decoded once, no dot segments; which paths are hidden · RFC 3986 §5.2.4
//! http/target.rs                   the four forms of the request-target; host · RFC 9112 §3.2
//! http/request.rs                  Request, Method, Version; the request-line · RFC 9112 §3
//! http/head.rs                     request heads: bytes in pieces -> Request · RFC 9112 §2
//! http/content.rs                  how long the request content is; chunked decoder · RFC 9112 §6-7
//! http/precondition.rs             validators, If-..., in the RFC's order · RFC 9110 §8.8, §13
//! http/range.rs                    Range -> byte ranges; Content-Range · RFC 9110 §14
//! http/accept.rs                   Accept-Encoding, Accept · RFC 9110 §12.5
//! http/authorization.rs            who claims to be there · RFC 7617
//! http/forwarded.rs                X-Forwarded-For, Forwarded: for whom a proxy speaks · RFC 7239
//! http/proxy_protocol.rs           for whom a proxy speaks, before the first request; versions 1 and 2
//! http/lease.rs                    memory that an answer takes while it is made and sent
//! http/response.rs                 status, fields, body in segments; the head on the wire
//! http/multipart.rs                several parts of a file in one body · RFC 9110 §14.6
//! http/outgoing.rs                 answers on their way, in the order of the requests
//! http/responder.rs                what a connection needs of whoever drives it
//! http/state.rs                    the states of a connection
//! http/connection.rs               one connection: bytes in, steps out · RFC 9112 §9
//! http/connection/late.rs          what a connection waits for that is not the client
//! site/mod.rs                      Site: from a request to the response
//! site/body.rs                     a part of a file as a body, or why there is none
//! site/files.rs                    open files, what their answers share; those kept open for a moment
//! site/ip_page.rs                  the virtual path /ip
//! site/media_type.rs               file extension -> media type
//! site/page.rs                     what the server's own pages have in common
//! site/representation.rs           the selected representation: media type, coding, validators
//! site/resource.rs                 path -> file, directory, redirect, nothing
//! site/archive/mod.rs              directory -> one tar file: its length, its entity-tag, the ranges of it
//! site/archive/header.rs           headers of tar: ustar, and pax where that has no room · POSIX.1-2024
//! site/archive/stream.rs           the bytes of an archive, made while they are sent
//! site/archive/tree.rs             all that is beneath a folder, in order and in little memory
//! site/listing/mod.rs              directory -> HTML page or JSON; what programs may rely on
//! site/listing/entries.rs          the entries of a listing in little memory, leased
//! site/listing/frame.rs            what stands around the rows of a listing
//! site/listing/order.rs            in which order a listing has its entries
//! site/listing/row.rs              one entry of a listing, in a page and in JSON
//! server/mod.rs                    Server: bind, start, wait for a signal, drain
//! server/budget.rs                 what memory is for what; leases of it
//! server/by_client.rs              how much of something each client holds
//! server/clients.rs                a worker's clients, and a turn of one of them
//! server/colours.rs                whether colours may be used on standard output
//! server/connection_limits.rs      how many connections there may be, and one client may hold
//! server/exchange.rs               one request and its answer, with patience or without
//! server/healthcheck.rs            asks a running server, for containers
//! server/listener.rs               [::] and, where that is IPv6 only, 0.0.0.0
//! server/local_time.rs             local time for the log, from TZ or /etc/localtime
//! server/responder.rs              answers a client, or hands its request over
//! server/root_watch.rs             whether the folder is still where it was; says so if not
//! server/shared.rs                 what all threads share
//! server/systemd.rs                sockets that a service manager passes; what it is told, and how often
//! server/task_thread.rs            answers what may wait
//! server/tasks.rs                  requests that wait for a task thread; how many one household may have
//! server/token.rs                  what a poller tells events by
//! server/transport.rs              a client's socket: receive, send, never wait
//! server/turn.rs                   when a turn is over: the time that a client gets
//! server/urls.rs                   the URLs at which it can be reached
//! server/user.rs                   whom the server runs as: --user
//! server/worker.rs                 one thread: poller, listeners in turn, deadlines; whom it closes, when it pauses
//! server/log/mod.rs                Log; Lines: those of one worker's turn
//! server/log/escape.rs             what clients sent, made safe and cut where it is too long
//! server/log/line.rs               a line of the access log, in each format
//! server/log/queue.rs              lines that wait; what becomes of those that do not fit
//! server/log/record.rs             what is kept of a request until it is answered
//! server/log/tests.rs              lines as they are written, from what clients send
//! server/log/whole_lines.rs        lines, whole or not at all
//! server/log/writer.rs             the thread that writes
//! sys/mod.rs                       what each name promises, on every system
//! sys/failure.rs                   what a failed call means
//! sys/file_state.rs                what tells one state of a file from another
//! sys/linux/mod.rs                 what only Linux has, in place of what unix/ has
//! sys/linux/accept.rs              the next connection, by accept4
//! sys/linux/connected.rs           the networks of routing tables
//! sys/linux/constants.rs           numbers of Linux that several files need
//! sys/linux/entries.rs             what an open directory holds: getdents64
//! sys/linux/epoll.rs               Poller
//! sys/linux/medium.rs             where files are kept, and whether reading one would wait
//! sys/linux/memory.rs              how much memory there is, by sysinfo, control groups and limits
//! sys/linux/netlink.rs             asks the kernel for networks and interfaces
//! sys/linux/network.rs             which network a process sees, or a socket is in
//! sys/linux/numbers.rs             numbers of system calls, by architecture; which are always refused
//! sys/linux/open_files_max.rs      how many descriptors there may be, by prlimit64
//! sys/linux/openat2.rs             the call itself; unix/beneath.rs says who falls back
//! sys/linux/processors.rs          how many processors there are
//! sys/linux/sandbox.rs             Landlock, best effort; enters both
//! sys/linux/seccomp.rs             the filter made of them; calls whose arguments decide
//! sys/linux/sendfile.rs            from a file to a socket
//! sys/linux/statx.rs               the state of a file
//! sys/linux/syscall.rs             system calls by number
//! sys/linux/thread_name.rs         names of threads
//! sys/portable/mod.rs              what works everywhere, where a system has nothing better
//! sys/portable/accept.rs           the next connection, in two calls
//! sys/portable/connected.rs        the networks of the machine's own addresses
//! sys/portable/entries.rs          what a directory holds, as std reads it
//! sys/portable/medium.rs          where files are kept, not known
//! sys/portable/memory.rs           memory, not known
//! sys/portable/network.rs          which network, not known
//! sys/portable/openat2.rs          no openat2
//! sys/portable/poll.rs             Poller by poll(2), also WSAPoll
//! sys/portable/processors.rs       how many processors, as std finds them
//! sys/portable/sandbox.rs          no sandbox
//! sys/portable/sendfile.rs         no sendfile
//! sys/portable/statx.rs            no statx
//! sys/portable/user.rs             no users
//! sys/unix/mod.rs                  what Linux, macOS and the BSDs share
//! sys/unix/user.rs                 users and groups, and becoming one of them
//! sys/unix/waker.rs                what tells all workers to stop
//! sys/unix/beneath.rs              open beneath a directory: by openat2, else name by name
//! sys/unix/descriptor.rs           descriptors that a call has just made
//! sys/unix/file.rs                 what std has of files under another name
//! sys/unix/interfaces.rs           interfaces and their addresses
//! sys/unix/manager.rs              the calls for that
//! sys/unix/open_files_max.rs       how many descriptors there may be
//! sys/unix/output.rs               standard output and standard error, unbuffered
//! sys/unix/signal.rs               signals without a handler
//! sys/unix/socket.rs               options of sockets
//! sys/unix/constants/apple.rs      numbers of macOS
//! sys/unix/constants/freebsd.rs    numbers of FreeBSD
//! sys/unix/constants/openbsd.rs    numbers of OpenBSD
//! sys/windows/mod.rs               what Windows does in its own way
//! sys/windows/waker.rs             what tells all workers to stop
//! sys/windows/beneath.rs           open beneath a directory, and never outside
//! sys/windows/constants.rs         numbers of Windows
//! sys/windows/file.rs              what std has of files under another name
//! sys/windows/interfaces.rs        interfaces and their addresses
//! sys/windows/manager.rs           no service manager
//! sys/windows/open_files_max.rs    how many descriptors there may be
//! sys/windows/output.rs            standard output and standard error
//! sys/windows/signal.rs            signals and the alarm
//! sys/windows/socket.rs            options of sockets
//! ```
//!
//! # The way of one request
//!
//! `server::worker` accepts a connection and reads bytes through `server::transport`. The bytes go
//! to [`http::connection`], which parses the head with [`http::head`], its target with
//! [`http::target`] and the length of its content with [`http::content`]. Then it asks for an
//! answer. [`access::Access`], if there is one, finds out who the client is, and whether it is
//! allowed. [`site::Site`] finds the file with [`site::resource`] (through [`sys::Directory`],
//! which never leaves the folder). It chooses between the file and its coded siblings in
//! [`site::representation`], and which part to send with [`http::precondition`] and
//! [`http::range`]. The connection adds the framing ([`http::response`]) and hands out pieces to
//! send. `server::transport` sends them, files by `sendfile`. When the last byte has been sent,
//! `server::log` writes the line.

pub mod access;
pub mod cli;
pub mod config;
pub mod http;
pub mod peer;
pub mod qr;
pub mod server;
pub mod site;
pub mod sys;
