//! The release executable as a process of its own, and a browser's connection to it: HTTP/1.1, kept alive, one request at a time.
#![expect(clippy::disallowed_methods, reason = "the executable is measured as a process")]

use crate::support::note;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// A running darkroom; ends with this value.
pub struct Server {
    child: Child,
    address: SocketAddr,
    begun: Instant,
}

impl Server {
    /// Starts the executable on a data directory. It does not answer yet.
    pub fn start(executable: &Path, data: &Path) -> Self {
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let address = free.expect("this machine has a free port");
        let begun = Instant::now();
        let child = Command::new(executable)
            .arg("serve")
            .arg("--data")
            .arg(data)
            .args(["--listen", &address.to_string()])
            .stdout(Stdio::null())
            .stderr(File::create(data.with_extension("log")).expect("the folder is ours"))
            .spawn()
            .expect("the executable is there");
        Self { child, address, begun }
    }

    /// Seconds from the start until the first page was there as a whole.
    pub fn first_page(&mut self, path: &str, cookie: &str) -> f64 {
        loop {
            if let Some(ended) = self.child.try_wait().expect("it is our child") {
                panic!("the server ended by itself: {ended}");
            }
            if let Ok(mut browser) = Browser::connect(self.address) {
                let answer = browser.get(path, cookie);
                assert_eq!(answer.status, 200, "{}", answer.body);
                return self.begun.elapsed().as_secs_f64();
            }
            assert!(self.begun.elapsed() < PATIENCE, "the server does not listen");
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }

    pub fn browser(&self) -> Browser {
        Browser::connect(self.address).expect("the server listens")
    }

    /// Waits until what the server does at its start beside serving, such as the probe of KVM, is over.
    pub fn settle(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.n_children() > 0 && Instant::now() < deadline {
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    fn n_children(&self) -> usize {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("the process runs");
        let children =
            tasks.flatten().map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
        children.map(|words| words.split_whitespace().count()).sum()
    }

    /// Processor time of the process so far, in milliseconds.
    pub fn processor_ms(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("the process runs");
        let fields = stat.rsplit_once(") ").expect("the name is in brackets").1;
        let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<f64>().expect("a number"));
        // Linux counts in hundredths of a second here, on every machine.
        ticks.sum::<f64>() * 10.0
    }

    /// Memory of the process that is really there, in MB.
    pub fn resident_mb(&self) -> f64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the process runs");
        let mb = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).expect("Linux tells it");
            let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok());
            kib.expect("a number") * 1024.0 / 1e6
        };
        note(format!("resident {:.1} MB, highest {:.1} MB", mb("VmRSS:"), mb("VmHWM:")));
        mb("VmRSS:")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let ended =
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).map_err(std::io::Error::from);
        if let Err(error) = ended.and_then(|()| self.child.wait()) {
            note(format!("the server could not be ended: {error}"));
        }
    }
}

/// What the server said.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// A connection that is kept.
pub struct Browser(BufReader<TcpStream>);

impl Browser {
    fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::with_capacity(1 << 16, stream)))
    }

    /// Asks for a page and reads all of it.
    pub fn get(&mut self, path: &str, cookie: &str) -> Answer {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/html\r\nCookie: {cookie}\r\n\r\n"
        );
        self.0.get_mut().write_all(request.as_bytes()).expect("the server listens");
        let status = self.line().split(' ').nth(1).and_then(|word| word.parse().ok()).expect("HTTP");
        let mut length = None;
        loop {
            let line = self.line().to_lowercase();
            match line.split_once(": ") {
                Some(("content-length", n)) => length = n.parse::<usize>().ok(),
                Some(_) => {}
                None => break,
            }
        }
        let bytes = match length {
            Some(length) => self.exactly(length),
            None => self.chunks(),
        };
        Answer { status, body: String::from_utf8(bytes).expect("pages are UTF-8") }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("the server answers");
        line.trim_end().to_owned()
    }

    fn exactly(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).expect("the server sends what it announced");
        bytes
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let length = usize::from_str_radix(&self.line(), 16).expect("a chunk begins with its length");
            all.extend(self.exactly(length));
            self.line();
            if length == 0 {
                return all;
            }
        }
    }
}
