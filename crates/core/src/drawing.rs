//! A network as something to draw: areas, and connections between them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A network as something to draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drawing {
    /// The areas, from the image up.
    pub areas: Vec<DrawnArea>,
    /// The connections between them.
    pub edges: Vec<DrawnEdge>,
}

/// An area in a [`Drawing`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrawnArea {
    /// Name.
    pub name: String,
    /// `[height, width, channels]`; a vector has height and width 1.
    pub shape: [usize; 3],
}

/// A connection in a [`Drawing`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrawnEdge {
    /// Name, as interventions use it.
    pub name: String,
    /// What it carries.
    pub kind: Kind,
    /// Sending area.
    pub from: String,
    /// Receiving area.
    pub to: String,
    /// The operation on the way.
    pub op: String,
    /// Steps between sending and arriving.
    pub delay: usize,
}

/// What a connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// From the area below.
    BottomUp,
    /// From the area itself.
    Lateral,
    /// From an area above.
    TopDown,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::BottomUp, Self::Lateral, Self::TopDown];

    /// The word used in names of edges.
    pub const fn word(self) -> &'static str {
        match self {
            Self::BottomUp => "bottom_up",
            Self::Lateral => "lateral",
            Self::TopDown => "top_down",
        }
    }
}

/// The word in running text.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::BottomUp => "bottom-up",
            Self::Lateral => "lateral",
            Self::TopDown => "top-down",
        })
    }
}
