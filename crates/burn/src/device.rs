//! What computes, as it is named on a command line.

use std::fmt;
use std::str::FromStr;

use redyn_core::{Diagnose, Fault, nearest};
use redyn_engine::{Cpu, Engine, Precision};

/// The kinds of devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// The native engine.
    #[default]
    Cpu,
    /// Burn on the CPU: the twin on which what GPUs compute is tested without one.
    Flex,
    /// NVIDIA.
    Cuda,
    /// Whatever has a Vulkan driver.
    Vulkan,
    /// Apple.
    Metal,
}

impl Kind {
    /// All of them, in the order of help texts.
    pub const ALL: [Self; 5] = [Self::Cpu, Self::Cuda, Self::Vulkan, Self::Metal, Self::Flex];

    /// The name, which is the name of the feature too.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Flex => "flex",
            Self::Cuda => "cuda",
            Self::Vulkan => "vulkan",
            Self::Metal => "metal",
        }
    }

    /// Whether this build can look for one.
    pub const fn is_built(self) -> bool {
        match self {
            Self::Cpu => true,
            Self::Flex => cfg!(feature = "flex"),
            Self::Cuda => cfg!(feature = "cuda"),
            Self::Vulkan => cfg!(feature = "vulkan"),
            Self::Metal => cfg!(feature = "metal"),
        }
    }
}

/// A device: `cuda`, or the second of them, `cuda:1`. The default is the native engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Its kind.
    pub kind: Kind,
    /// Which of that kind, from 0; absent, the first.
    pub index: Option<usize>,
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "{}:{index}", self.kind.name()),
            None => f.write_str(self.kind.name()),
        }
    }
}

impl FromStr for Device {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown { text: text.to_owned() };
        let (name, index) = match text.split_once(':') {
            Some((name, index)) => (name, Some(index.parse().map_err(|_| unknown())?)),
            None => (text, None),
        };
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(unknown)?;
        match kind {
            Kind::Cpu | Kind::Flex if index.is_some() => Err(unknown()),
            _ => Ok(Self { kind, index }),
        }
    }
}

/// Why a device cannot compute.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DeviceError {
    /// No device of that name.
    #[error(
        "no device is called `{text}`: there are cpu, cuda, vulkan, metal and flex, and cuda:1 is the second"
    )]
    Unknown {
        /// As it was written.
        text: String,
    },
    /// A kind this build leaves out.
    #[error("this build of redyn has no {}", kind.name())]
    NotBuilt {
        /// The kind.
        kind: Kind,
    },
    /// A device that is not there.
    #[error("there is no {device} on this machine: {}", those_there(*kind, found))]
    Absent {
        /// As it was asked for.
        device: Device,
        /// Its kind.
        kind: Kind,
        /// Names of those of the kind that are there.
        found: Vec<String>,
    },
    /// A device that cannot compute in a precision.
    #[error("{device} does not compute in {precision}")]
    Precision {
        /// The device.
        device: Device,
        /// The precision.
        precision: Precision,
    },
    /// A device that stopped computing.
    #[error("{device} failed: {why}")]
    Failed {
        /// The device.
        device: Device,
        /// What its driver said.
        why: String,
    },
}

fn those_there(kind: Kind, found: &[String]) -> String {
    match found {
        [] => format!("its drivers list no {} device", kind.name()),
        found => format!("its drivers list {}", found.join(", ")),
    }
}

impl Diagnose for DeviceError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unknown { text } => {
                let name = text.split(':').next().unwrap_or_default();
                match nearest(name, Kind::ALL.map(Kind::name)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "the native engine is `cpu`".into(),
                }
            }
            Self::NotBuilt { kind } => format!(
                "build it in: cargo install --path crates/cli --features {} (Rust 1.95 or later)",
                kind.name()
            ),
            Self::Absent { kind: Kind::Cuda, .. } => {
                "`nvidia-smi` lists what NVIDIA's driver finds; without a GPU, use --device cpu".into()
            }
            Self::Absent { kind: Kind::Vulkan, .. } => {
                "`vulkaninfo --summary` lists what Vulkan finds; without a GPU, use --device cpu".into()
            }
            Self::Absent { .. } => "without a GPU, use --device cpu".into(),
            Self::Precision { .. } => "use --precision f32".into(),
            Self::Failed { .. } => {
                "if its memory was full, lower --memory and --part; what was saved is kept".into()
            }
        })
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Failed { .. } => Fault::Failure,
            _ => Fault::User,
        }
    }
}

/// Work for whichever engine it is given.
pub trait Job {
    /// What comes of it.
    type Output;

    /// Do it.
    fn run<E: Engine>(self, engine: &E) -> Self::Output;
}

/// Do a job on a device.
///
/// # Errors
/// A device that is not built in, not there, does not compute in that precision, or fails
/// meanwhile.
pub fn run_on<J: Job>(device: Device, precision: Precision, job: J) -> Result<J::Output, DeviceError> {
    match device.kind {
        Kind::Cpu if precision != Precision::F32 => Err(DeviceError::Precision { device, precision }),
        Kind::Cpu => Ok(job.run(&Cpu::default())),
        kind if !kind.is_built() => Err(DeviceError::NotBuilt { kind }),
        #[cfg(feature = "burn")]
        _ => {
            let engine = crate::open::open(device, precision)?;
            crate::open::guarded(device, || job.run(&engine))
        }
        #[cfg(not(feature = "burn"))]
        kind => Err(DeviceError::NotBuilt { kind }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_as_they_are_written() {
        for text in ["cpu", "cuda", "cuda:3", "vulkan:0", "metal", "flex"] {
            assert_eq!(text.parse::<Device>().unwrap().to_string(), text);
        }
        for text in ["gpu", "cuda:", "cuda:-1", "cuda:x", "cpu:1", ""] {
            assert!(text.parse::<Device>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_typing_mistake_is_answered_with_the_device_that_was_meant() {
        let error = "cdua:1".parse::<Device>().unwrap_err();
        assert_eq!(error.hint().unwrap(), "did you mean `cuda`?");
    }

    struct Path;

    impl Job for Path {
        type Output = String;

        fn run<E: Engine>(self, engine: &E) -> String {
            engine.path()
        }
    }

    #[test]
    fn the_native_engine_computes_in_f32_alone() {
        let error = run_on(Device::default(), Precision::Bf16, Path).unwrap_err();
        assert_eq!(error.to_string(), "cpu does not compute in bf16");
        assert_eq!(run_on(Device::default(), Precision::F32, Path).unwrap(), Cpu::default().path());
    }

    #[cfg(not(feature = "metal"))]
    #[test]
    fn a_device_that_is_left_out_says_how_to_build_it_in() {
        let device = Device { kind: Kind::Metal, index: None };
        let error = run_on(device, Precision::F32, Path).unwrap_err();
        assert_eq!(error.to_string(), "this build of redyn has no metal");
        assert!(error.hint().unwrap().contains("--features metal"));
    }
}
