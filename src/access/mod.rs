//! May this request pass? The one engine behind the proxy, every gateway's dialect and upgrades.
//!
//! [`RequestPath`] reads the path, [`PathPattern`] selects by it, [`Term`] asks about the person, and
//! [`Rules::judge`] puts them together: the first rule that selects decides, a failed `access` is a refusal and
//! never falls through, and what no rule selects is left to the default. The answer is a [`Verdict`]; the code that
//! forwards must hold the [`Permit`] inside it, which nobody else can make.
//!
//! # Stricter than every application behind it
//!
//! The gate and the application read the same bytes, and wherever they read them differently there is a hole. A path
//! that cannot be read in one way only is refused ([`RequestPath::parse`] lists what). Where common servers differ
//! in harmless-looking ways - letter case, `;parameters`, a doubled or a final slash, dot segments left as they are,
//! trailing dots - refusing would break ordinary addresses. There the request is judged under *every* reading, and
//! the strictest verdict counts: another reading can take a permission away, and never give one. The same goes for
//! methods: many servers answer HEAD with the code for GET, so HEAD must pass as GET too, unless a rule that selects
//! it names HEAD itself.
//!
//! # The sign-in itself
//!
//! Some terms ask how and when somebody signed in. Where they are all that is missing, the verdict is
//! [`Verdict::NeedsStepUp`]: the browser is sent to sign in once more, with a request that asks for what the rule wants.
//!
//! A permit cannot be made elsewhere:
//!
//! ```compile_fail,E0451
//! let permit = vestibule::access::Permit { identified: true };
//! ```
//!
//! ```compile_fail,E0624
//! let permit = vestibule::access::Permit::granted(true);
//! ```
//!
//! and cannot be kept and used for a second request by copying it:
//!
//! ```compile_fail,E0599
//! fn twice(permit: vestibule::access::Permit) {
//!     let _again = permit.clone();
//! }
//! ```

mod cors;
mod decode;
mod index;
mod path;
mod pattern;
mod preview;
mod rules;
mod step_up;
mod term;

pub use cors::{Cors, Preflight};
pub use path::RequestPath;
pub use pattern::PathPattern;
pub use preview::{Previewed, Says};
pub use rules::{Access, Permit, Question, Rule, Rules, Verdict};
pub use step_up::StepUp;
pub use term::Term;
