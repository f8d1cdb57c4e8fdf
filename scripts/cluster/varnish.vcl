# A cache in front of boards that hold the same files: /etc/varnish/default.vcl.
# On the boards: OPTIONS=--cache-control max-age=0,s-maxage=1 --trusted-proxy 2001:db8::1
# Varnish then asks a board at most once a second for each file, and only whether it has changed.
vcl 4.1;

import directors;
import std;

probe alive {
    # A board without this file has lost its stick: it gets no clients.
    .request = "HEAD /index.html HTTP/1.1" "Host: boards" "Connection: close";
    .interval = 1s;
    .timeout = 5s;
    .window = 3;
    .threshold = 2;
}

backend one { .host = "2001:db8::11"; .port = "80"; .probe = alive; .connect_timeout = 5s; }
backend two { .host = "2001:db8::12"; .port = "80"; .probe = alive; .connect_timeout = 5s; }
backend three { .host = "2001:db8::13"; .port = "80"; .probe = alive; .connect_timeout = 5s; }

sub vcl_init {
    new boards = directors.round_robin();
    boards.add_backend(one);
    boards.add_backend(two);
    boards.add_backend(three);
}

sub vcl_recv {
    set req.backend_hint = boards.backend();
    # What a client says about itself is not passed on.
    unset req.http.Forwarded;
    set req.http.X-Forwarded-For = client.ip;
    # Nothing depends on them.
    unset req.http.Cookie;
    # An old answer is better than none only where no board is left.
    if (std.healthy(req.backend_hint)) {
        set req.grace = 0s;
    }
    # Large files go past the cache. What a client has not taken yet lies in memory.
    if (req.url ~ "\.(img|iso|mkv|mp4|tar|xz|zip)(\?|$)") {
        return (pass);
    }
}

sub vcl_backend_fetch {
    # Each attempt asks the next board.
    set bereq.backend = boards.backend();
}

sub vcl_backend_response {
    if (beresp.status >= 500 && bereq.retries < 3) {
        return (retry);
    }
    # Kept for longer, to be asked for by entity-tag, and for when no board answers.
    set beresp.grace = 1d;
    set beresp.keep = 7d;
    # It has to be here as a whole before it is sent: then a board that dies meanwhile is not
    # noticed.
    if (std.integer(beresp.http.Content-Length, 100000000) < 10000000) {
        set beresp.do_stream = false;
    }
}

sub vcl_backend_error {
    if (bereq.retries < 3) {
        return (retry);
    }
}
