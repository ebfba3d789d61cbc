//! People who come and go: what the replicas can answer at all, and then a fixed part of it, whatever happens to them.
//!
//! Whoever asks shares the machine with the gates, nginx, the store and the application; so the measure of what can be
//! answered is what all of them together can do, on this machine and in this minute.

use crate::people::{Person, Shown};
use crate::scene::Scene;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// Who is signed in from the start and stays.
pub const KNOWN: usize = 40;
/// Who asks at a time.
const WORKERS: usize = 64;
/// Of what can be answered.
const SHARE: f64 = 0.8;
/// How long it is measured.
const MEASURED: Duration = Duration::from_secs(4);

/// What became of everything that was asked.
#[derive(Default)]
pub struct Tally {
    /// Pages of known sessions.
    pub looks: AtomicU64,
    /// Forms of known sessions.
    pub writes: AtomicU64,
    pub sign_ins: AtomicU64,
    pub sign_outs: AtomicU64,
    /// Known sessions that were asked to sign in.
    pub lost: AtomicU64,
    /// Pages that were made for somebody else.
    pub wrong: AtomicU64,
    /// What failed, when, and how.
    failed: parking_lot::Mutex<Vec<(Instant, String)>>,
    /// Of those the forms, which nobody may send twice.
    forms_failed: AtomicU64,
    /// How late answers were, counted from when they were due to be asked for.
    took: parking_lot::Mutex<Vec<Duration>>,
}

impl Tally {
    pub fn failed(&self) -> Vec<(Instant, String)> {
        self.failed.lock().clone()
    }

    fn all(&self) -> u64 {
        [&self.looks, &self.writes, &self.sign_ins, &self.sign_outs]
            .map(|one| one.load(Ordering::Relaxed))
            .iter()
            .sum()
    }

    /// One line for people.
    pub fn summary(&self) -> String {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let mut took = self.took.lock().clone();
        took.sort();
        let at = |share: f64| {
            took.get((took.len() as f64 * share) as usize).or(took.last()).copied().unwrap_or_default()
        };
        format!(
            "{} pages, {} forms, {} sign-ins, {} sign-outs: failed {} ({} of them forms), sessions lost {}, wrong user {}; answered within \
             {:.0?} (median), {:.0?} (p99), {:.0?} (slowest)",
            get(&self.looks),
            get(&self.writes),
            get(&self.sign_ins),
            get(&self.sign_outs),
            self.failed.lock().len(),
            get(&self.forms_failed),
            get(&self.lost),
            get(&self.wrong),
            at(0.5),
            at(0.99),
            at(1.0),
        )
    }
}

/// Load that goes on until it is told to end.
pub struct Load {
    pub tally: Arc<Tally>,
    over: Arc<AtomicBool>,
    workers: JoinSet<()>,
}

/// Four fifths of what can be answered, which is measured first.
pub async fn start(scene: &Scene, people: &[Person]) -> Load {
    let measured = Load::at(scene, people, None);
    tokio::time::sleep(MEASURED).await;
    let tally = measured.end().await;
    let most = tally.all() as f64 / MEASURED.as_secs_f64();
    assert!(tally.failed().is_empty(), "with nothing going on: {:?}", tally.failed());
    println!(
        "  all together can do {most:.0} a second here; from now on {:.0} a second are asked",
        most * SHARE
    );
    Load::at(scene, people, Some(most * SHARE))
}

impl Load {
    /// So many a second, or as many as there are answers to.
    pub fn at(scene: &Scene, people: &[Person], rate: Option<f64>) -> Self {
        let (tally, over) = (Arc::new(Tally::default()), Arc::new(AtomicBool::new(false)));
        let (next, began) = (Arc::new(AtomicU64::new(0)), Instant::now());
        let mut workers = JoinSet::new();
        // Those who come and go; whoever has come may be taken out by anybody.
        let guests: Arc<Mutex<Vec<Person>>> = Arc::default();
        for _ in 0..WORKERS {
            let (tally, over, next, guests) =
                (Arc::clone(&tally), Arc::clone(&over), Arc::clone(&next), Arc::clone(&guests));
            let (mut by, idp, people) = (scene.caller(), Arc::clone(&scene.idp), people.to_vec());
            workers.spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    let due = match rate {
                        Some(rate) => began + Duration::from_secs_f64(turn as f64 / rate),
                        None => Instant::now(),
                    };
                    tokio::time::sleep_until(due.into()).await;
                    let mut person = people[turn as usize % people.len()].clone();
                    let (count, shown) = match turn % 50 {
                        0 | 25 => {
                            let mut guest = Person::new(format!("guest-{turn}"));
                            match guest.sign_in(&mut by, &idp).await {
                                Ok(()) => {
                                    guests.lock().await.push(guest);
                                    (&tally.sign_ins, Shown::Own)
                                }
                                Err(problem) => {
                                    (&tally.sign_ins, Shown::Failed(format!("sign-in: {problem}")))
                                }
                            }
                        }
                        12 | 37 => match guests.lock().await.pop() {
                            None => continue,
                            Some(mut guest) => match guest.sign_out(&mut by).await {
                                Ok(()) => (&tally.sign_outs, Shown::Own),
                                Err(problem) => (&tally.sign_outs, Shown::Failed(problem)),
                            },
                        },
                        number if number % 10 == 3 => (&tally.writes, person.write(&mut by).await),
                        _ => (&tally.looks, person.look(&mut by).await),
                    };
                    count.fetch_add(1, Ordering::Relaxed);
                    tally.took.lock().push(due.elapsed());
                    match shown {
                        Shown::Own => {}
                        Shown::SignedOut => drop(tally.lost.fetch_add(1, Ordering::Relaxed)),
                        Shown::Wrong(_) => drop(tally.wrong.fetch_add(1, Ordering::Relaxed)),
                        Shown::Failed(how) => {
                            let is_form = std::ptr::eq(count, &raw const tally.writes);
                            tally.forms_failed.fetch_add(u64::from(is_form), Ordering::Relaxed);
                            tally.failed.lock().push((Instant::now(), how));
                        }
                    }
                }
            });
        }
        Self { tally, over, workers }
    }

    /// Waits for the last answers.
    pub async fn end(mut self) -> Arc<Tally> {
        self.over.store(true, Ordering::Relaxed);
        while let Some(ended) = self.workers.join_next().await {
            ended.unwrap();
        }
        self.tally
    }
}
