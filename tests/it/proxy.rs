//! A bot whose way to Telegram leads through a SOCKS5 proxy, and what doctor says of such ways.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tests::programs::program;
use tests::support::Rig;

/// Passes everything on and counts who came.
fn socks() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let came = Arc::new(AtomicUsize::new(0));
    std::thread::spawn({
        let came = came.clone();
        move || {
            for caller in listener.incoming().map_while(Result::ok) {
                let came = came.clone();
                std::thread::spawn(move || {
                    if let Ok(there) = meet(&caller) {
                        came.fetch_add(1, Ordering::Relaxed);
                        let (mut a, mut b) =
                            (caller.try_clone().unwrap(), there.try_clone().unwrap());
                        std::thread::spawn(move || pass(&mut a, &mut b));
                        pass(&mut &there, &mut &caller);
                    }
                });
            }
        }
    });
    (port, came)
}

/// No password, one address of four bytes: RFC 1928.
fn meet(mut caller: &TcpStream) -> io::Result<TcpStream> {
    let mut hello = [0; 2];
    caller.read_exact(&mut hello)?;
    let mut ways = vec![0; hello[1].into()];
    caller.read_exact(&mut ways)?;
    caller.write_all(&[5, 0])?;
    let mut wish = [0; 10];
    caller.read_exact(&mut wish)?;
    let host = Ipv4Addr::new(wish[4], wish[5], wish[6], wish[7]);
    let there = TcpStream::connect((host, u16::from_be_bytes([wish[8], wish[9]])))?;
    caller.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0])?;
    Ok(there)
}

fn pass(from: &mut impl Read, to: &mut (impl Write + Ends)) {
    let _ = io::copy(from, to);
    to.end();
}

trait Ends {
    fn end(&self);
}

impl Ends for TcpStream {
    fn end(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Ends for &TcpStream {
    fn end(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

fn doctor(rig: &Rig) -> String {
    let partners = rig.place.partner.parent().unwrap();
    let output = Command::new(program("partnerctl"))
        .args(["doctor", "--dir"])
        .arg(partners)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn everything_to_and_from_telegram_goes_through_the_proxy() {
    let (port, came) = socks();
    let mut rig = Rig::new();
    let env = std::fs::read_to_string(rig.place.partner.join(".env")).unwrap();
    let way = |proxy: u16| format!("{env}TELEGRAM_PROXY=socks5://127.0.0.1:{proxy}\n");
    rig.place.write_env(&way(port));
    rig.start().await;
    assert!(came.load(Ordering::Relaxed) > 0, "nobody came by");
    let lead = rig.person("Аня");
    rig.opens(lead, "weight");
    rig.hears(lead, "С чего начнём?").await;
    let said = doctor(&rig);
    assert!(said.contains("through the proxy of north"), "{said}");
    assert!(said.contains("PASSED   way to Telegram"), "{said}");
    rig.place.write_env(&way(9));
    let said = doctor(&rig);
    assert!(
        said.contains("is not reached through the proxy of north"),
        "{said}"
    );
    assert!(
        said.contains("partnerctl secret set north TELEGRAM_PROXY"),
        "{said}"
    );
}
