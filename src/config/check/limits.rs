//! How much is borne from strangers.

use super::Desk;
use crate::config::file::{File, Limits as LimitsFile, RateLimit};
use crate::config::reader::Field;
use crate::config::values::{OrOff, Scalar};
use crate::limits::{Limits, Rate, RateLimits, Rates};
use std::time::Duration;

/// Below this no browser's header fits that carries some cookies.
const FEWEST_LINES: u32 = 20;
/// The HTTP library reads no more.
const MOST_LINES: u32 = 250;
/// What is larger than the largest is cut while it is read, without an answer.
const HEADER_SIZES: (u64, u64) = (8 << 10, 128 << 10);
const SECOND: Duration = Duration::from_secs(1);

/// An office of forty people with six connections each over HTTP/1.1.
const FEW_CONNECTIONS: u32 = 256;

/// A limit that hardly anybody sets and that would lock an office out.
const FEW_AN_ADDRESS: f64 = 10.0;

/// `connections`: how many each listener serves at once.
pub(super) fn limits(file: &File, connections: u32, desk: &mut Desk) -> Limits {
    let default = Limits::default();
    let written: &LimitsFile = &file.limits;
    let header =
        desk.size(&written.header_size, default.header_octets as u64, HEADER_SIZES.0, HEADER_SIZES.1);
    Limits {
        connections_per_address: connections_per_address(file, connections, desk),
        header_lines: lines(&written.header_lines, default.header_lines, desk),
        header_octets: usize::try_from(header).unwrap_or(default.header_octets),
        header_timeout: desk.duration(&written.header_timeout, default.header_timeout, SECOND, 120 * SECOND),
        body_timeout: desk.duration(&written.body_timeout, default.body_timeout, SECOND, 600 * SECOND),
        idle_timeout: desk.duration(&written.idle_timeout, default.idle_timeout, SECOND, 3600 * SECOND),
        write_timeout: desk.duration(&written.write_timeout, default.write_timeout, SECOND, 600 * SECOND),
        rates: RateLimits {
            sign_ins: rates(&file.rate_limits.sign_ins, default.rates.sign_ins, desk),
            answers: rates(&file.rate_limits.answers, default.rates.answers, desk),
        },
    }
}

/// A quarter of all, so that no address takes the others' place, and an office with one has plenty. Where gateways say a
/// secret, their addresses are known to nobody, and what comes from one of them is everybody's.
fn connections_per_address(file: &File, connections: u32, desk: &mut Desk) -> Option<u32> {
    let field = &file.limits.connections_per_address;
    match field.get() {
        None if file.gateways.secret.is_absent() && file.gateways.secret_file.is_absent() => {
            Some(connections / 4)
        }
        None | Some(OrOff::Off) => None,
        Some(OrOff::On(0)) => {
            desk.error(field.problem("nobody could connect: write a number, or off for no limit"));
            None
        }
        Some(OrOff::On(given)) => {
            if *given < FEW_CONNECTIONS {
                let message = format!(
                    "{given} is less than an office with one address needs: browsers open some six connections each"
                );
                desk.warn(field.problem(message));
            }
            Some(*given)
        }
    }
}

fn lines(field: &Field<u32>, default: usize, desk: &mut Desk) -> usize {
    let Some(given) = field.get() else { return default };
    if !(FEWEST_LINES..=MOST_LINES).contains(given) {
        desk.error(field.problem(format!("must be at least {FEWEST_LINES} and at most {MOST_LINES}")));
    }
    usize::try_from(*given).unwrap_or(default)
}

fn rates(written: &RateLimit, default: Rates, desk: &mut Desk) -> Rates {
    let rate = |field: &Field<OrOff<Rate>>, default| match field.get() {
        None => default,
        Some(OrOff::Off) => None,
        Some(OrOff::On(rate)) => Some(*rate),
    };
    if let Some(OrOff::On(rate)) = written.per_address.get()
        && f64::from(rate.count) * 60.0 / rate.per.as_secs_f64() < FEW_AN_ADDRESS
    {
        let message =
            format!("{rate} is less than an office with one address needs: its people will be refused");
        desk.warn(written.per_address.problem(message));
    }
    if let Some(OrOff::On(rate)) = written.per_idp.get() {
        let message = format!("strangers can use up {rate}, and then nobody signs in");
        desk.warn(written.per_idp.problem(message).hint("per_address holds back one at a time"));
    }
    Rates {
        per_address: rate(&written.per_address, default.per_address),
        per_idp: rate(&written.per_idp, default.per_idp),
    }
}

/// `1200/m`: so many a second, minute or hour.
impl Scalar for Rate {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("is not a rate: `{text}`; write a number and s, m or h, such as 3000/m");
        let (count, per) = text.split_once('/').ok_or_else(wrong)?;
        let per = match per {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(wrong()),
        };
        match count.parse::<u32>() {
            Ok(count @ 1..=1_000_000) if !text.starts_with('+') => {
                Ok(Self { count, per: Duration::from_secs(per) })
            }
            Ok(_) => Err(format!("must be at least 1 and at most 1000000 in its time: `{text}`")),
            Err(_) => Err(wrong()),
        }
    }
}
