//! Claims on a server that others share, which may be replaced by another one at any moment.
//!
//! One script looks at all keys and claims all or none; in a Cluster they share a slot (`{c}`), so that one script can.
//! What a server was told it may still forget: a primary that dies takes along what it had not told its replicas, and one
//! without persistence forgets everything at a restart. So the same script holds against each other who the server is (its
//! run and its replication history, which both change in such a case) and who the claims were made at. When they differ,
//! the moment is written down as the one *since* which claims are remembered, and nothing is claimed. Everybody compares
//! what a sign-in answers with that moment ([`Store::remembers_since`](crate::session::Store::remembers_since)), and the
//! script refuses a caller who has not seen it yet. So what was claimed before a failover cannot be claimed again after it:
//! it is too old.
//!
//! Each call brings a number of its own, so that a question that was asked twice on the way is answered like once.

use super::line::{Connections, Line};
use super::names::Names;
use crate::clock::Moment;
use crate::observe::metrics::{StoreOperation, StoreTrouble};
use crate::session::{Claim, ClaimKey, StoreError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::{Cmd, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Answers {0, since} when all were free and are claimed, {n, since} when the nth was taken, {-1, since} when the caller
/// does not know the server's `since`. ARGV: now, until, milliseconds to keep, since, number of the call.
const CLAIM: &str = r"
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
local server = run .. ':' .. history
local held = redis.call('GET', KEYS[1])
local since
if held then
  local known, moment = string.match(held, '^(%w+:%w+) (%-?%d+)$')
  if known == server then since = moment end
end
if not since then
  since = ARGV[1]
  redis.call('SET', KEYS[1], server .. ' ' .. since)
end
if since ~= ARGV[4] then return {-1, since} end
local own = ARGV[2] .. ' ' .. ARGV[5]
for n = 2, #KEYS do
  local claimed = redis.call('GET', KEYS[n])
  if claimed and claimed ~= own then
    local ends = tonumber(string.match(claimed, '^(%-?%d+) '))
    if not ends or ends > tonumber(ARGV[1]) then return {n - 1, since} end
  end
end
for n = 2, #KEYS do redis.call('SET', KEYS[n], own, 'PX', ARGV[3]) end
return {0, since}
";

/// Claims are kept this much longer than they last: the clocks of gates differ, and the server's runs on its own.
const KEPT_LONGER: Duration = Duration::from_secs(600);

/// Since when claims are remembered.
pub(super) struct Since(AtomicI64);

impl Since {
    pub(super) const fn new(at: Moment) -> Self {
        Self(AtomicI64::new(at.millis()))
    }

    pub(super) fn get(&self) -> Moment {
        Moment::from_millis(self.0.load(Ordering::Acquire))
    }

    /// True: it was another.
    fn learn(&self, millis: i64) -> bool {
        self.0.swap(millis, Ordering::AcqRel) != millis
    }
}

/// How a call ended.
enum Told {
    First,
    Taken(usize),
    /// Since when, as the server knows it.
    NotSince,
}

/// Claims all keys, or none.
pub(super) async fn claim_once(
    line: &Line,
    names: &Names,
    since: &Since,
    keys: &[ClaimKey],
    now: Moment,
    until: Moment,
) -> Result<Claim, StoreError> {
    let command = command(names, keys, now, until, since);
    let answer = line.ask_surely(StoreOperation::Claim, &names.since(), command).await?;
    match told(&answer, since)? {
        Told::First => Ok(Claim::First),
        Told::Taken(which) => Ok(Claim::Taken { which }),
        Told::NotSince => {
            line.figures.failed(StoreTrouble::Forgetful);
            Err(StoreError::Unavailable(format!(
                "it is another server than before, or was restarted; answers are remembered since {}",
                since.get()
            )))
        }
    }
}

/// Whether a key is claimed at `now`.
pub(super) async fn is_claimed(
    line: &Line,
    names: &Names,
    key: &ClaimKey,
    now: Moment,
) -> Result<bool, StoreError> {
    let mut get = redis::cmd("GET");
    get.arg(names.claim(key));
    Ok(match line.ask(StoreOperation::Claim, &get).await? {
        Value::Nil => false,
        // What we cannot read is taken.
        claimed => ends_at(&claimed).is_none_or(|ends| ends > now.millis()),
    })
}

/// Learns since when claims are remembered, from connections that need not be in use yet.
pub(super) async fn learn_since(
    line: &Line,
    open: &Arc<Connections>,
    names: &Names,
    since: &Since,
    now: Moment,
) -> Result<bool, StoreError> {
    let command = command(names, &[], now, now.plus(KEPT_LONGER), since);
    let before = since.get();
    let answer = line.ask_surely_of(open, StoreOperation::Probe, &names.since(), command).await?;
    told(&answer, since)?;
    Ok(since.get() != before)
}

fn command(names: &Names, keys: &[ClaimKey], now: Moment, until: Moment, since: &Since) -> Cmd {
    let kept = until.since(now).saturating_add(KEPT_LONGER);
    let mut number = [0; 9];
    // Without randomness nothing else works either; and a number that is not ours can only refuse.
    let _ = aws_lc_rs::rand::fill(&mut number);
    let mut command = redis::cmd("EVAL");
    command.arg(CLAIM).arg(keys.len() + 1).arg(names.since());
    for key in keys {
        command.arg(names.claim(key));
    }
    command.arg(now.millis()).arg(until.millis()).arg(u64::try_from(kept.as_millis()).unwrap_or(u64::MAX));
    command.arg(since.get().millis()).arg(URL_SAFE_NO_PAD.encode(number));
    command
}

fn told(answer: &Value, since: &Since) -> Result<Told, StoreError> {
    let strange = || StoreError::Unavailable("its answer to a claim makes no sense".to_owned());
    let Value::Array(parts) = answer else { return Err(strange()) };
    let [Value::Int(code), Value::BulkString(moment)] = parts.as_slice() else { return Err(strange()) };
    let moment = str::from_utf8(moment).ok().and_then(|text| text.parse().ok()).ok_or_else(strange)?;
    since.learn(moment);
    match code {
        0 => Ok(Told::First),
        -1 => Ok(Told::NotSince),
        n => usize::try_from(n - 1).map(Told::Taken).map_err(|_| strange()),
    }
}

fn ends_at(claimed: &Value) -> Option<i64> {
    let Value::BulkString(octets) = claimed else { return None };
    str::from_utf8(octets).ok()?.split(' ').next()?.parse().ok()
}
