//! Many real bots on one local Telegram, each with a partner's directory of its own.

use std::time::Duration;

use partnerctl::sandbox::{NewUser, Options, Sandbox, World};
use serde_json::Value;
use tokio::time::Instant;

use crate::support::{Bot, PARTNERS, Place, bot_program};

pub struct Town {
    pub world: World,
    pub houses: Vec<House>,
    /// Last, so that the bots go first.
    _sandbox: Sandbox,
}

/// One bot and all that is its own.
pub struct House {
    pub bot_id: i64,
    pub place: Place,
    bot: Option<Bot>,
    pub pid: u32,
    socket: reqwest::Client,
}

/// Bots starting all at once on two busy cores take their time.
const UP: Duration = Duration::from_secs(120);

impl Town {
    /// All bots up, and the partner's people in each.
    pub async fn open(count: usize, config: &str, options: Options) -> Town {
        let sandbox = Sandbox::start(options).unwrap();
        let world = sandbox.world();
        for (id, name) in PARTNERS.into_iter().zip(["Пётр", "Мария"]) {
            world.add_user(NewUser {
                id: Some(id),
                first_name: name.to_owned(),
                ..NewUser::default()
            });
        }
        let mut houses = Vec::new();
        for number in 0..count {
            let bot_id = 200_000 + i64::try_from(number).unwrap();
            // The marker is what the search for leaks looks for.
            let token = format!("{bot_id}:TEST-CANARY-8f3b1c-of-a-town");
            let name = format!("town{number}_bot");
            world.add_bot(&token, &name, "Север").unwrap();
            let place = Place::new(&sandbox.url(), &token);
            place.write_config(config);
            houses.push(House::build(bot_id, place));
        }
        let town = Town {
            world,
            houses,
            _sandbox: sandbox,
        };
        for house in &town.houses {
            house.state("running").await;
            for partner in PARTNERS {
                town.world.start(house.bot_id, partner, None).unwrap();
            }
        }
        town
    }

    /// What a bot's log says of a panic; none is wanted.
    pub fn panics(&self) -> usize {
        let said = |house: &&House| house.log().contains("panic");
        self.houses.iter().filter(said).count()
    }

    /// Bots that ended or were started anew since they were opened.
    pub async fn fallen(&self) -> usize {
        let mut fallen = 0;
        for house in &self.houses {
            fallen += usize::from(house.get("/health").await["pid"] != house.pid);
        }
        fallen
    }

    /// The sum of a count of the health page over all bots.
    pub async fn sum(&self, pointer: &str) -> i64 {
        let mut sum = 0;
        for house in &self.houses {
            let health = house.get("/health").await;
            sum += health.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
        }
        sum
    }

    pub async fn close(mut self) {
        for house in &mut self.houses {
            if let Some(bot) = house.bot.take() {
                bot.kill().await;
            }
        }
    }
}

impl House {
    fn build(bot_id: i64, place: Place) -> House {
        let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
        let mut command = vec![path(bot_program()), "run".to_owned()];
        command.extend(["--partner".to_owned(), path(&place.partner)]);
        command.extend(["--data-dir".to_owned(), path(&place.data)]);
        let env = [("RUST_BACKTRACE".to_owned(), "0".to_owned())];
        let bot = Bot::spawn(&command, &env, &place.log(), None);
        let socket = reqwest::Client::builder()
            .unix_socket(place.data.join("bot.sock"))
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        House {
            bot_id,
            pid: bot.pid(),
            bot: Some(bot),
            place,
            socket,
        }
    }

    pub async fn get(&self, path: &str) -> Value {
        let asked = self.socket.get(format!("http://bot{path}")).send().await;
        let Ok(answer) = asked else {
            return Value::Null;
        };
        let text = answer.text().await.unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub async fn state(&self, wanted: &str) {
        let deadline = Instant::now() + UP;
        while self.get("/health").await["state"] != wanted {
            assert!(Instant::now() < deadline, "never {wanted}: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.place.log()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What the process holds in memory, in KiB.
    pub fn rss_kib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|text| text.parse().ok()).unwrap_or(0.0)
    }

    /// Its open files and sockets.
    pub fn descriptors(&self) -> f64 {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.pid));
        open.map_or(0.0, |entries| entries.count() as f64)
    }
}
