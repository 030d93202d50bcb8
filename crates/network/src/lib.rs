//! Declare a recurrent network, plan its unroll exactly, run it.
//!
//! - **Declare**: a [`Sketch`] draws one step of the network as signals between
//!   areas; what comes from an earlier step says so ([`Area::last`]). The result is a
//!   [`Graph`]: areas, named edges, parameters.
//! - **Plan**: [`Plan::new`] unrolls the graph symbolically for a [`Request`] and
//!   gives equal values one name: what never changes is computed once, what nobody
//!   asks for is not computed, what was read for the last time is freed. Interventions
//!   on edges are part of the request. [`Plan::published`] is the plain loop beside it.
//! - **Run**: a [`Session`] carries a plan out on an engine, forward for inference and
//!   in reverse for training.
//!
//! ```
//! use redyn_engine::{Activation, Bias, Interaction, Shape};
//! use redyn_network::{Init, Kind, Plan, Request, Sketch};
//!
//! // One area that talks to itself, read out at every step.
//! let sketch = Sketch::new(Shape::map(8, 8, 3), |_, _, _| Init::Zeros);
//! let area = sketch.declare("area", Shape::map(8, 8, 4));
//! let drive = sketch.image().conv("area.drive", 4, 3, Bias::Absent);
//! let lateral = area.last().conv("area.lateral", 4, 3, Bias::Absent).edge(Kind::Lateral, "area", "area");
//! area.define(drive.combine(Interaction::Additive, &[Some(lateral)]).activate(Activation::Relu));
//! sketch.tap("readout", area.now().average_pool().linear("readout", 10, Bias::PerChannel));
//! let graph = sketch.finish()?;
//!
//! let request = Request::readout(5);
//! let (planned, published) = (Plan::new(&graph, &request)?, Plan::published(&graph, &request)?);
//! // The drive never changes: four of its five convolutions are saved.
//! assert_eq!(published.cost().per_image - planned.cost().per_image, 4 * 8 * 8 * 4 * 27);
//! # Ok::<(), redyn_network::NetworkError>(())
//! ```

mod dialect;
mod error;
mod graph;
mod group;
mod intervention;
mod jacobian;
mod memory;
mod plan;
mod session;
mod signal;
mod sketch;
mod train;
mod unroll;
mod weights;

pub use dialect::{Dialect, Init, Policy, Role};
pub use error::NetworkError;
pub use graph::{Graph, Parameter};
pub use intervention::{Effect, Intervention};
pub use jacobian::{Dynamics, Linearised};
pub use memory::Keeping;
pub use plan::{Cost, Plan, Request, Steps, TapRequest};
pub use redyn_core::{Drawing, DrawnArea, DrawnEdge, Kind};
pub use session::{Emission, Session};
pub use signal::Signal;
pub use sketch::{Area, Connection, Sketch};
pub use train::{OutputGradient, Tape};
pub use weights::{Tensor, Weights};
