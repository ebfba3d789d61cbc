//! Listeners that somebody else has opened: systemd, by socket units, which keeps them while we are started again. What
//! connects meanwhile waits in the kernel's queue and not before a closed door.

use super::lane::Bound;
use crate::config::Listeners;
use listenfd::ListenFd;
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};

/// What a listener is for, by its name in `FileDescriptorName=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Public,
    Authz,
    Grpc,
    Admin,
}

impl Place {
    const ALL: [Self; 4] = [Self::Public, Self::Authz, Self::Grpc, Self::Admin];

    const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Authz => "authz",
            Self::Grpc => "grpc",
            Self::Admin => "admin",
        }
    }

    /// The key of the configuration that says where it is.
    const fn key(self) -> &'static str {
        match self {
            Self::Public => "listen.public",
            Self::Authz => "listen.authz",
            Self::Grpc => "listen.grpc",
            Self::Admin => "admin.listen",
        }
    }

    fn at(self, listeners: &Listeners) -> Option<SocketAddr> {
        match self {
            Self::Public => Some(listeners.public),
            Self::Authz => listeners.authz,
            Self::Grpc => listeners.grpc,
            Self::Admin => listeners.admin,
        }
    }
}

/// Open listeners by what they are for. None is as usual: then all of them are opened here.
#[derive(Debug, Default)]
pub struct Handed(BTreeMap<Place, TcpListener>);

impl Handed {
    /// Takes what was handed to this process (`LISTEN_FDS`, `LISTEN_PID`), once; `names` is the value of `LISTEN_FDNAMES`,
    /// one for each socket, with colons between. To be called before any thread is started.
    ///
    /// # Errors
    /// Every socket that is not for us: another name, a name twice, not a TCP socket.
    pub fn take(names: &str) -> Result<Self, Vec<String>> {
        let mut given = ListenFd::from_env();
        let sockets = (0..given.len()).map(|place| given.take_tcp_listener(place)).collect::<Vec<_>>();
        Self::sort(names, sockets)
    }

    fn sort(names: &str, sockets: Vec<io::Result<Option<TcpListener>>>) -> Result<Self, Vec<String>> {
        let mut names = names.split(':').filter(|name| !name.is_empty());
        let (mut sorted, mut problems) = (BTreeMap::new(), Vec::new());
        for socket in sockets {
            let Some(name) = names.next() else {
                problems.push(format!("a socket without a name was handed over: {WANTED}"));
                continue;
            };
            let Some(place) = Place::ALL.into_iter().find(|place| place.name() == name) else {
                problems.push(format!("a socket called `{name}` was handed over: {WANTED}"));
                continue;
            };
            match socket {
                Ok(Some(_)) if sorted.contains_key(&place) => problems.push(format!(
                    "two sockets called `{name}` were handed over, and {} is one: one ListenStream= each",
                    place.key()
                )),
                Ok(Some(socket)) => {
                    sorted.insert(place, socket);
                }
                Ok(None) => {}
                Err(problem) => problems.push(format!("the socket called `{name}`: {problem}")),
            }
        }
        if problems.is_empty() { Ok(Self(sorted)) } else { Err(problems) }
    }

    /// Whether each is one that the configuration names, and at the address that it says: its other keys were judged by it, and
    /// gateways and health checks are told it.
    ///
    /// # Errors
    /// Every one that is not.
    pub fn fit(&self, listeners: &Listeners) -> Result<(), Vec<String>> {
        let mut problems = Vec::new();
        for (place, socket) in &self.0 {
            let (name, key) = (place.name(), place.key());
            match (place.at(listeners), socket.local_addr()) {
                (None, _) => problems.push(format!(
                    "{key} is off, and a socket called `{name}` was handed over: set the one or take the other away"
                )),
                (Some(said), Ok(at)) if !is_there(said, at) => problems.push(format!(
                    "{key} says {said}, and the socket called `{name}` that was handed over is at {at}: write the same \
                     address in both (ListenStream= of its socket unit)"
                )),
                (Some(_), Ok(_)) => {}
                (Some(_), Err(problem)) => problems.push(format!("the socket called `{name}`: {problem}")),
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// What was handed over, for the log: `public, admin`. Nothing: all are ours.
    pub fn names(&self) -> Option<String> {
        let names: Vec<_> = self.0.keys().map(|place| place.name()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// The listener for this place: the one that was handed over, or a new one.
    pub(super) fn take_or_bind(&mut self, place: Place, address: SocketAddr) -> Result<Bound, String> {
        match self.0.remove(&place) {
            Some(socket) => Bound::handed(socket).map_err(|problem| format!("{}: {problem}", place.key())),
            None => Bound::bind(address, place.key()),
        }
    }
}

const WANTED: &str = "FileDescriptorName= of its socket unit must be public, authz, grpc or admin";

/// Port 0 means any. Of a socket on every address of IPv6 it depends on the system whether IPv4 comes in there too: both are
/// every address.
fn is_there(said: SocketAddr, at: SocketAddr) -> bool {
    let every = said.ip().is_unspecified() && at.ip().is_unspecified();
    (every || said.ip() == at.ip()) && (said.port() == 0 || said.port() == at.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket() -> io::Result<Option<TcpListener>> {
        TcpListener::bind("127.0.0.1:0").map(Some)
    }

    fn listeners(public: SocketAddr) -> Listeners {
        Listeners { public, public_tls: None, authz: None, grpc: None, admin: Some(public) }
    }

    #[test]
    fn sockets_go_by_their_names_to_their_places() {
        let (admin, public) = (socket(), socket());
        let at = public.as_ref().unwrap().as_ref().unwrap().local_addr().unwrap();
        let mut handed = Handed::sort("admin:public", vec![admin, public]).unwrap();
        assert_eq!(handed.names().as_deref(), Some("public, admin"));
        assert_eq!(handed.take_or_bind(Place::Public, at).unwrap().address, at);
        assert_eq!(handed.names().as_deref(), Some("admin"));
        let opened = handed.take_or_bind(Place::Authz, "127.0.0.1:0".parse().unwrap()).unwrap();
        assert_ne!(opened.address.port(), 0, "what was not handed over is opened");
        assert_eq!(Handed::default().names(), None);
    }

    #[test]
    fn what_is_not_for_us_is_refused_with_what_to_write() {
        let refused = |names: &str, sockets| Handed::sort(names, sockets).unwrap_err();
        for names in ["vestibule.socket", "connection", "unknown", "Public"] {
            let problems = refused(names, vec![socket()]);
            assert!(
                problems[0].contains(names) && problems[0].contains("FileDescriptorName="),
                "{problems:?}"
            );
        }
        assert!(refused("", vec![socket()])[0].contains("without a name"));
        assert_eq!(refused("x:y", vec![socket(), socket()]).len(), 2, "all of them at once");
        assert!(
            refused("public:public", vec![socket(), socket()])[0].contains("two sockets called `public`")
        );
        let broken = Err(io::Error::new(io::ErrorKind::InvalidInput, "fd 3 is not a socket"));
        assert!(refused("grpc", vec![broken])[0].contains("`grpc`: fd 3 is not a socket"));
    }

    #[test]
    fn what_the_configuration_does_not_name_or_has_elsewhere_is_refused() {
        let one = socket();
        let at = one.as_ref().unwrap().as_ref().unwrap().local_addr().unwrap();
        let handed = Handed::sort("public", vec![one]).unwrap();
        assert_eq!(handed.fit(&listeners(at)), Ok(()));
        assert_eq!(handed.fit(&listeners("127.0.0.1:0".parse().unwrap())), Ok(()));
        for elsewhere in ["127.0.0.1:1", "127.0.0.2:0", "0.0.0.0:0"] {
            let problems = handed.fit(&listeners(elsewhere.parse().unwrap())).unwrap_err();
            assert!(problems[0].starts_with("listen.public says ") && problems[0].contains(&at.to_string()));
        }
        let handed = Handed::sort("grpc", vec![socket()]).unwrap();
        assert!(handed.fit(&listeners(at)).unwrap_err()[0].starts_with("listen.grpc is off"));
        assert!(is_there("0.0.0.0:443".parse().unwrap(), "[::]:443".parse().unwrap()));
        assert!(!is_there("127.0.0.1:443".parse().unwrap(), "[::]:443".parse().unwrap()));
    }
}
