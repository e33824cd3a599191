//! How many canned replies one core serves: `cargo bench --bench replay` drives the replay server
//! on one core from a bare generator on the other.
#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]

use gander::base::clock::Clock;
use gander::standin::replay;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

const ROUNDS: usize = 3;
const CALLS_A_SECOND: f64 = 100_000.0;
const CONNECTIONS: usize = 50;
const MEASURED: Duration = Duration::from_secs(3);
/// Requests written at once to a connection. One costs the generator as much as the server; with
/// several the server is the limit.
const DEPTHS: [usize; 2] = [1, 8];
const HEADERS: &str = "host: 127.0.0.1\r\naccept: application/json\r\n\
    content-type: application/json\r\nx-requested-with: ping-sdk\r\n\
    interactionid: 3d6c1f7a-0b52-4e0e-9a5e-5f4e1a7c9b10\r\n";
const BODY: &str = r#"{"id":"f0login0002","eventName":"continue","parameters":{"eventType":"submit","data":{"actionKey":"SIGNON","formData":{"username":"ada@example.org","password":"x"}}}}"#;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--serve"] => serve(),
        ["--generate", address, depth] => {
            generate(address.parse().expect("an address"), depth.parse().expect("a number"));
        }
        _ if arguments.iter().any(|argument| argument == "--bench") => conduct(),
        _ => println!("run by `cargo bench --bench replay`"),
    }
}

fn on_core(core: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(std::env::current_exe().expect("this program"));
    command
}

fn conduct() {
    let mut server = on_core("1")
        .arg("--serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server");
    let mut address = String::new();
    let mut output = BufReader::new(server.stdout.take().expect("the server's output"));
    output.read_line(&mut address).expect("an address");
    println!("{CONNECTIONS} connections, the reply of a form to a POST, {MEASURED:?} each");
    println!(
        "| requests in flight per connection | calls/s | server CPU s | calls per server CPU second |"
    );
    println!("| --: | --: | --: | --: |");
    let mut best = 0.0_f64;
    for depth in DEPTHS.repeat(ROUNDS) {
        let cpu = cpu_seconds(server.id());
        let made = on_core("0").args(["--generate", address.trim(), &depth.to_string()]).output();
        let cpu = cpu_seconds(server.id()) - cpu;
        let text = String::from_utf8_lossy(&made.expect("a generator").stdout).into_owned();
        let calls: f64 = text.trim().parse().expect("a number of calls");
        best = best.max(calls / cpu);
        let rate = calls / MEASURED.as_secs_f64();
        println!("| {depth} | {rate:.0} | {cpu:.2} | {:.0} |", calls / cpu);
    }
    drop(server.stdin.take());
    server.wait().expect("the server's end");
    assert!(best >= CALLS_A_SECOND, "{best:.0} calls per CPU second, below {CALLS_A_SECOND}");
}

fn serve() {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::abort();
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = replay::listen(any).await.expect("a listener");
        println!("{}", listener.local_addr().expect("an address"));
        std::io::stdout().flush().expect("an open output");
        replay::serve(listener).await.expect("served");
    });
}

/// Writes to every connection, then reads from every connection, again and again.
fn generate(address: SocketAddr, depth: usize) {
    let request = format!(
        "POST /e/davinci/connections/0011/capabilities/step-1 HTTP/1.1\r\n{HEADERS}content-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let batch = request.repeat(depth).into_bytes();
    let mut streams: Vec<TcpStream> = (0..CONNECTIONS)
        .map(|_| {
            let stream = TcpStream::connect(address).expect("a connection");
            stream.set_nodelay(true).expect("no delay");
            stream
        })
        .collect();
    let length = reply_length(&mut streams[0], request.as_bytes());
    let mut input = vec![0; length * depth];
    let clock = Clock::system();
    let began = clock.now();
    let mut calls = 0;
    while clock.now() - began < MEASURED {
        for stream in &mut streams {
            stream.write_all(&batch).expect("an open connection");
        }
        for stream in &mut streams {
            stream.read_exact(&mut input).expect("whole replies");
            assert!(input.starts_with(b"HTTP/1.1 200 OK\r\n"), "a canned reply");
            calls += depth;
        }
    }
    println!("{calls}");
}

fn reply_length(stream: &mut TcpStream, request: &[u8]) -> usize {
    stream.write_all(request).expect("an open connection");
    let mut seen = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).expect("a reply");
        seen.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&seen);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.split("content-length: ").nth(1).expect("a length");
        let length: usize = length.lines().next().unwrap_or_default().parse().expect("a length");
        if body.len() >= length {
            return head.len() + 4 + length;
        }
    }
}

/// User and system time of a process so far, from the kernel's count of 10 ms ticks.
fn cpu_seconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("the process");
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).map(|n| n.parse::<f64>().expect("ticks")).sum();
    ticks / 100.0
}
