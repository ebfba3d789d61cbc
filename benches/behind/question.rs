//! Envoy's question over gRPC, written by hand.

/// What Envoy says of a browser's request, framed.
pub(crate) fn check_request(host: &str, target: &str, lines: &[&str]) -> Vec<u8> {
    let field = |number: u8, octets: &[u8]| {
        let length = octets.len();
        let length =
            if length < 128 { vec![length as u8] } else { vec![length as u8 | 128, (length >> 7) as u8] };
        [&[number << 3 | 2], &length[..], octets].concat()
    };
    let entry = |name: &str, value: &str| {
        field(3, &[field(1, name.to_ascii_lowercase().as_bytes()), field(2, value.as_bytes())].concat())
    };
    let mut http = [field(2, b"GET"), field(4, target.as_bytes()), field(5, host.as_bytes())].concat();
    let browser = [
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "Accept-Language: en-GB,en;q=0.5",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Sec-Fetch-Mode: navigate",
        "X-Request-Id: 3f0c2e0e-6f0a-4c1e-9a55-5d9a6a4f7f11",
    ];
    for line in lines.iter().chain(&browser) {
        let (name, value) = line.split_once(": ").unwrap();
        http.extend(entry(name, value));
    }
    for (name, value) in [(":method", "GET"), (":path", target), (":authority", host), (":scheme", "http")] {
        http.extend(entry(name, value));
    }
    let source = field(1, &field(1, &field(1, &field(2, b"127.0.0.1"))));
    let message = field(1, &[source, field(4, &field(2, &http))].concat());
    [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), &message].concat()
}
