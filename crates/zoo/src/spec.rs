//! Names with settings: `blt64:lateral=1,top_down=1,width=0.25`.

use std::collections::BTreeMap;
use std::fmt;

use crate::{Entry, ZooError, entry};

/// Something that can be set about a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key.
    pub key: &'static str,
    /// The value it has when nothing is said.
    pub default: String,
    /// The values it can have, in words: `0 or 1`.
    pub allowed: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// A network's name with a value for every one of its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Name of the network.
    pub name: String,
    settings: Vec<(Setting, String)>,
}

/// Read `NAME` or `NAME:KEY=VALUE,...`.
pub(crate) fn parse(text: &str) -> Result<(&'static Entry, Spec), ZooError> {
    let (name, settings) = text.split_once(':').unwrap_or((text, ""));
    let entry = entry(name)?;
    let known = (entry.settings)();
    let mut given = BTreeMap::new();
    for pair in settings.split(',').filter(|pair| !pair.is_empty()) {
        let unreadable = || ZooError::Unreadable { network: name.to_owned(), text: pair.to_owned() };
        let (key, value) = pair.split_once('=').ok_or_else(unreadable)?;
        if !known.iter().any(|setting| setting.key == key) {
            return Err(ZooError::UnknownSetting {
                network: name.to_owned(),
                key: key.to_owned(),
                known: known.iter().map(|setting| setting.key.to_owned()).collect(),
            });
        }
        if given.insert(key, value).is_some() {
            return Err(unreadable());
        }
    }
    let settings = known
        .into_iter()
        .map(|setting| {
            let value =
                given.get(setting.key).map_or_else(|| setting.default.clone(), |&value| value.to_owned());
            (setting, value)
        })
        .collect();
    Ok((entry, Spec { name: name.to_owned(), settings }))
}

/// Whether the text of a spec gives a setting a value.
pub(crate) fn sets(text: &str, key: &str) -> bool {
    let settings = text.split_once(':').map_or("", |(_, settings)| settings);
    settings.split(',').any(|pair| pair.split_once('=').is_some_and(|(given, _)| given == key))
}

impl Spec {
    /// The value of a setting, read by `read`.
    pub(crate) fn get<T>(&self, key: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, ZooError> {
        let (setting, value) =
            self.settings.iter().find(|(setting, _)| setting.key == key).expect("a known key");
        read(value).ok_or_else(|| ZooError::Value {
            network: self.name.clone(),
            key: key.to_owned(),
            value: value.clone(),
            allowed: setting.allowed.to_owned(),
        })
    }

    /// Give a setting another value; a key the network does not have is left alone.
    pub fn set(&mut self, key: &str, value: String) {
        if let Some((_, old)) = self.settings.iter_mut().find(|(setting, _)| setting.key == key) {
            *old = value;
        }
    }

    /// Keys and values of all settings.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings.iter().map(|(setting, value)| (setting.key, value.as_str()))
    }
}

/// The name with every setting that is not at its default.
impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let set: Vec<String> = self
            .settings
            .iter()
            .filter(|(setting, value)| setting.default != *value)
            .map(|(setting, value)| format!("{}={value}", setting.key))
            .collect();
        let colon = if set.is_empty() { "" } else { ":" };
        write!(f, "{}{colon}{}", self.name, set.join(","))
    }
}

#[cfg(test)]
mod tests {
    use redyn_core::Diagnose;

    use super::*;

    #[test]
    fn a_spec_reads_what_it_writes() {
        let (_, spec) = parse("blt64:width=0.25,top_down=1,lateral=1").unwrap();
        assert_eq!(spec.to_string(), "blt64:top_down=1,width=0.25");
        assert_eq!(parse(&spec.to_string()).unwrap().1, spec);
    }

    #[test]
    fn mistakes_name_what_was_meant() {
        let fault =
            |text: &str| parse(text).err().map(|error| (error.to_string(), error.hint().unwrap_or_default()));
        let expected = |message: &str, hint: &str| Some((message.to_owned(), hint.to_owned()));
        assert_eq!(fault("blt46"), expected("no network named `blt46`", "did you mean `blt64`?"));
        assert_eq!(
            fault("blt64:latreal=1"),
            expected("network `blt64` has no setting `latreal`", "did you mean `lateral`?")
        );
        assert_eq!(
            fault("blt64:lateral"),
            expected(
                "cannot read `lateral` in the settings of `blt64`",
                "write NAME:KEY=VALUE,KEY=VALUE with every key once"
            )
        );
    }
}
