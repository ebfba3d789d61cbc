//! Which browser a session lies in, so that its owner recognises it in a list: one of a few names and one of a few systems,
//! and nothing by which a browser could be told from others of its kind.

/// A browser and the system that it runs on, as far as it says (`User-Agent`, RFC 9110, 10.1.5). Decides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Browser {
    /// Its name.
    pub name: BrowserName,
    /// What it runs on.
    pub system: System,
}

/// The browsers that have a name here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "they are their own names")]
#[repr(u8)]
pub enum BrowserName {
    /// It does not say, or nobody knows it.
    #[default]
    Unknown = 0,
    Firefox = 1,
    Chrome = 2,
    Edge = 3,
    Safari = 4,
    Opera = 5,
    Samsung = 6,
}

/// The systems that have a name here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "they are their own names")]
#[repr(u8)]
pub enum System {
    /// It does not say, or nobody knows it.
    #[default]
    Unknown = 0,
    Windows = 1,
    MacOs = 2,
    Linux = 3,
    Android = 4,
    IPhone = 5,
    IPad = 6,
    ChromeOs = 7,
}

impl Browser {
    /// What a `User-Agent` says. Nearly every browser also says that it is some others, so the order counts.
    pub fn of(user_agent: &[u8]) -> Self {
        let (said, _) = user_agent.split_at(user_agent.len().min(LONGEST));
        let says = |word: &str| said.windows(word.len()).any(|part| part == word.as_bytes());
        let name = NAMES.iter().find(|(word, _)| says(word)).map_or(BrowserName::Unknown, |(_, name)| *name);
        let system = SYSTEMS.iter().find(|(word, _)| says(word)).map_or(System::Unknown, |(_, is)| *is);
        Self { name, system }
    }

    /// A number below eight for each.
    pub(super) const fn to_bytes(self) -> [u8; 2] {
        [self.name as u8, self.system as u8]
    }

    /// What nobody knows by that number is unknown.
    pub(super) fn from_bytes([name, system]: [u8; 2]) -> Self {
        let name = NAMES.iter().map(|(_, known)| *known).find(|known| *known as u8 == name);
        let system = SYSTEMS.iter().map(|(_, known)| *known).find(|known| *known as u8 == system);
        Self { name: name.unwrap_or_default(), system: system.unwrap_or_default() }
    }
}

impl BrowserName {
    /// As people know it; none: unknown.
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Unknown => None,
            Self::Firefox => Some("Firefox"),
            Self::Chrome => Some("Chrome"),
            Self::Edge => Some("Edge"),
            Self::Safari => Some("Safari"),
            Self::Opera => Some("Opera"),
            Self::Samsung => Some("Samsung Internet"),
        }
    }
}

impl System {
    /// As people know it; none: unknown.
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Unknown => None,
            Self::Windows => Some("Windows"),
            Self::MacOs => Some("macOS"),
            Self::Linux => Some("Linux"),
            Self::Android => Some("Android"),
            Self::IPhone => Some("iPhone"),
            Self::IPad => Some("iPad"),
            Self::ChromeOs => Some("ChromeOS"),
        }
    }

    /// Whether it is one that people hold in their hands.
    pub const fn is_handheld(self) -> bool {
        matches!(self, Self::Android | Self::IPhone | Self::IPad)
    }
}

/// Longer ones say the rest to nobody.
const LONGEST: usize = 512;

const NAMES: &[(&str, BrowserName)] = &[
    ("Edg/", BrowserName::Edge),
    ("EdgA/", BrowserName::Edge),
    ("EdgiOS/", BrowserName::Edge),
    ("OPR/", BrowserName::Opera),
    ("SamsungBrowser/", BrowserName::Samsung),
    ("Firefox/", BrowserName::Firefox),
    ("FxiOS/", BrowserName::Firefox),
    ("Chrome/", BrowserName::Chrome),
    ("Chromium/", BrowserName::Chrome),
    ("CriOS/", BrowserName::Chrome),
    ("Safari/", BrowserName::Safari),
];

const SYSTEMS: &[(&str, System)] = &[
    ("iPhone", System::IPhone),
    ("iPad", System::IPad),
    ("Android", System::Android),
    ("CrOS", System::ChromeOs),
    ("Windows", System::Windows),
    ("Mac OS X", System::MacOs),
    ("Macintosh", System::MacOs),
    ("Linux", System::Linux),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn said(user_agent: &str) -> (Option<&'static str>, Option<&'static str>) {
        let browser = Browser::of(user_agent.as_bytes());
        (browser.name.as_str(), browser.system.as_str())
    }

    #[test]
    fn browsers_are_told_apart_by_what_they_say() {
        for (user_agent, name, system) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox", "Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0",
                "Edge",
                "Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
                "Chrome",
                "Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
                "Safari",
                "macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/138.0.0.0 Mobile/15E148 Safari/604.1",
                "Chrome",
                "iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
                "Samsung Internet",
                "Android",
            ),
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 OPR/120.0",
                "Opera",
                "ChromeOS",
            ),
        ] {
            assert_eq!(said(user_agent), (Some(name), Some(system)), "{user_agent}");
        }
    }

    #[test]
    fn what_nobody_knows_and_what_is_too_long_is_unknown() {
        assert_eq!(said("curl/8.14.1"), (None, None));
        assert_eq!(said(""), (None, None));
        assert_eq!(said(&format!("{}Firefox/140.0", "x".repeat(LONGEST))), (None, None));
        assert_eq!(Browser::of(b"\xff\xfe Firefox/1 (Linux)").name, BrowserName::Firefox);
    }

    #[test]
    fn a_browser_is_read_as_it_was_written() {
        for user_agent in ["Firefox/1 Linux", "Edg/1 Windows", "x", "SamsungBrowser/1 Android"] {
            let browser = Browser::of(user_agent.as_bytes());
            assert_eq!(Browser::from_bytes(browser.to_bytes()), browser);
        }
        assert_eq!(Browser::from_bytes([200, 200]), Browser::default());
    }
}
