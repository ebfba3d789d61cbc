//! How the pages look: whose name and mark they bear, and in which one colour.

use super::picture::Picture;
use super::texts::Language;

/// The look of the pages.
#[derive(Debug, Clone, Default)]
pub struct Branding {
    /// Shown at the top and in the title; "Vestibule" when not set.
    pub name: Option<String>,
    /// Shown at the top in place of our own arch.
    pub logo: Option<Logo>,
    /// Buttons, links and outlines; our own green when not set.
    pub accent: Option<Accent>,
    /// Where "Get help" leads: `https:`, `http:`, `mailto:` or a path; anything else is left out.
    pub help_url: Option<String>,
    /// What the pages speak.
    pub language: Language,
}

/// A picture and where it is served: a path on every host whose pages show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    /// The picture.
    pub picture: Picture,
    /// Such as `/vestibule/logo?v=…`.
    pub path: String,
}

/// An opaque colour of sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accent {
    rgb: [u8; 3],
}

/// What text must have on its ground (WCAG 2.2, 1.4.3); what is no text, such as the edge of a button, 3.0 (1.4.11).
const TEXT: f64 = 4.5;
const SHAPE: f64 = 3.0;

const BLACK: Accent = Accent { rgb: [0; 3] };
const WHITE: Accent = Accent { rgb: [0xff; 3] };
/// `--paper` of the style sheet, light and dark.
const LIGHT_PAPER: Accent = Accent { rgb: [0xff, 0xff, 0xff] };
const DARK_PAPER: Accent = Accent { rgb: [0x1b, 0x1f, 0x22] };

impl Accent {
    /// `#rrggbb`.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence that begins with the key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
        let pair = |at: usize| {
            let pair = digits?.get(at..at + 2)?;
            pair.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u8::from_str_radix(pair, 16).ok())?
        };
        match (pair(0), pair(2), pair(4)) {
            (Some(red), Some(green), Some(blue)) => Ok(Self { rgb: [red, green, blue] }),
            _ => Err(format!("is not a colour: `{text}`; write it as \"#0b5fff\", in quotes")),
        }
    }

    /// `#rrggbb` in lower case.
    pub fn hex(self) -> String {
        let [red, green, blue] = self.rgb;
        format!("#{red:02x}{green:02x}{blue:02x}")
    }

    /// The contrast to another colour, between 1 and 21 (WCAG 2.2).
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// What can be read on it: white where that is enough, as people expect of a button, else black.
    #[must_use]
    pub fn text_on(self) -> Self {
        if self.contrast(WHITE) >= TEXT { WHITE } else { BLACK }
    }

    /// What an owner should know who chose it: none when it does for everything as it is.
    pub fn caveat(self) -> Option<String> {
        let ratio = self.contrast(LIGHT_PAPER);
        (ratio < TEXT).then(|| {
            format!(
                "{} has a contrast of {ratio:.1}:1 to white, and text needs {TEXT}:1: the words on buttons are black, and \
                 links and outlines take the darker {}",
                self.hex(),
                self.towards(BLACK, LIGHT_PAPER, TEXT).hex()
            )
        })
    }

    /// The style sheet that puts it in the place of our own colour, in light and dark.
    pub(super) fn style(self) -> String {
        let dark = self.towards(WHITE, DARK_PAPER, SHAPE);
        format!(
            ":root{{{}}}@media (prefers-color-scheme:dark){{:root{{{}}}}}",
            self.variables(self.towards(BLACK, LIGHT_PAPER, TEXT)),
            dark.variables(self.towards(WHITE, DARK_PAPER, TEXT))
        )
    }

    fn variables(self, tone: Self) -> String {
        let text = self.text_on();
        // A button under the pointer: a little further away from its text.
        let away = if text == WHITE { BLACK } else { WHITE };
        format!(
            "--accent:{};--on-accent:{};--accent-deep:{};--tone:{}",
            self.hex(),
            text.hex(),
            self.mixed(away, 18).hex(),
            tone.hex()
        )
    }

    /// Its own tone, mixed with `end` for as little as it takes to stand out from `ground`.
    fn towards(self, end: Self, ground: Self, ratio: f64) -> Self {
        (0..=100)
            .map(|percent| self.mixed(end, percent))
            .find(|tone| tone.contrast(ground) >= ratio)
            .unwrap_or(end)
    }

    fn mixed(self, other: Self, percent: u16) -> Self {
        let mix = |own: u8, other: u8| {
            let sum = u16::from(own) * (100 - percent) + u16::from(other) * percent;
            u8::try_from(sum / 100).unwrap_or(u8::MAX)
        };
        let ([r, g, b], [x, y, z]) = (self.rgb, other.rgb);
        Self { rgb: [mix(r, x), mix(g, y), mix(b, z)] }
    }

    /// Relative luminance (WCAG 2.2).
    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.rgb;
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(text: &str) -> Accent {
        Accent::parse(text).unwrap()
    }

    #[test]
    fn a_colour_is_six_digits_after_a_hash() {
        assert_eq!(colour("#0B5fff").hex(), "#0b5fff");
        for bad in ["", "#", "0b5fff", "#fff", "#0b5ffff", "#0b5ffg", "red", "#+b5fff", "#ä5fff", "#0b5fff;}"]
        {
            assert!(Accent::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn contrasts_are_those_of_the_standard() {
        assert!((BLACK.contrast(WHITE) - 21.0).abs() < 0.001);
        assert!((colour("#767676").contrast(WHITE) - 4.54).abs() < 0.01);
        assert!((colour("#ffcc00").contrast(WHITE) - 1.5).abs() < 0.05);
    }

    #[test]
    fn whatever_the_colour_words_can_be_read() {
        for step in 0..=0xff_u8 {
            for accent in [[step, step, step], [step, 0xff, 0], [0, step, 0xff], [0xff, 0, step]] {
                let accent = Accent { rgb: accent };
                let dark = accent.towards(WHITE, DARK_PAPER, SHAPE);
                assert!(accent.contrast(accent.text_on()) >= TEXT, "{accent:?}");
                assert!(dark.contrast(dark.text_on()) >= TEXT, "{accent:?}");
                assert!(accent.towards(BLACK, LIGHT_PAPER, TEXT).contrast(LIGHT_PAPER) >= TEXT, "{accent:?}");
                assert!(accent.towards(WHITE, DARK_PAPER, TEXT).contrast(DARK_PAPER) >= TEXT, "{accent:?}");
            }
        }
    }

    #[test]
    fn an_owner_is_told_of_a_colour_that_is_too_light_for_white_words() {
        assert_eq!(colour("#0b5fff").caveat(), None);
        assert_eq!(colour("#0b5fff").text_on(), WHITE);
        let told = colour("#ffcc00").caveat().unwrap();
        assert!(told.contains("1.5:1") && told.contains("black"), "{told}");
        assert_eq!(colour("#ffcc00").text_on(), BLACK);
    }

    #[test]
    fn the_papers_are_those_of_the_style_sheet() {
        for paper in [LIGHT_PAPER, DARK_PAPER] {
            let line = format!("--paper: {};", paper.hex());
            assert!(super::super::answer::STYLE.contains(&line), "{line}");
        }
    }
}
