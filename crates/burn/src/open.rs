//! Finding a device and making sure that it computes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn_tensor::{DType, Tensor};
use redyn_engine::Precision;

use crate::{Burn, Device, DeviceError, Kind};

/// The release of Burn, for provenance: patches of one share their kernels.
const RELEASE: &str = "burn 0.22";

/// Open a device, and compute something on it.
pub(crate) fn open(device: Device, precision: Precision) -> Result<Burn, DeviceError> {
    let (found, name) = guarded(device, || find(device))??;
    let wanted = match precision {
        Precision::F32 => DType::F32,
        Precision::Bf16 => DType::BF16,
        Precision::F16 => DType::F16,
    };
    let computed = guarded(device, || {
        if !found.supports_dtype(wanted) {
            return Ok(None);
        }
        // Nothing but a result shows that compilers and libraries are there too.
        let ones = Tensor::<2>::ones([8, 8], (&found, wanted));
        ones.clone().matmul(ones).cast(DType::F32).sum().try_into_vec_as::<f32>().map(Some)
    })?;
    match computed {
        Ok(None) => Err(DeviceError::Precision { device, precision }),
        Ok(Some(sum)) if sum == [512.0] => {
            let path = format!("{RELEASE} {} ({name}) {precision}", device.kind.name());
            Ok(Burn::new(found, precision, path))
        }
        Ok(Some(sum)) => Err(DeviceError::Failed { device, why: format!("512 ones add up to {sum:?}") }),
        Err(error) => Err(DeviceError::Failed { device, why: error.to_string() }),
    }
}

impl Burn {
    /// Open a device of Burn's.
    ///
    /// # Errors
    /// A device that is not there, does not compute in that precision, or does not compute.
    ///
    /// # Panics
    /// For the native engine, which is none of Burn's, and for a device left out of this
    /// build: [`crate::run_on`] looks at both.
    pub fn open(device: Device, precision: Precision) -> Result<Self, DeviceError> {
        open(device, precision)
    }
}

/// The device and how it calls itself.
fn find(device: Device) -> Result<(burn_tensor::Device, String), DeviceError> {
    let all: Vec<burn_tensor::Device> = match device.kind {
        #[cfg(feature = "flex")]
        Kind::Flex => vec![burn_tensor::Device::flex()],
        #[cfg(feature = "cuda")]
        Kind::Cuda => burn_tensor::Device::enumerate(burn_tensor::DeviceType::Cuda).into_vec(),
        #[cfg(feature = "vulkan")]
        Kind::Vulkan => burn_tensor::Device::enumerate(burn_tensor::DeviceType::Vulkan).into_vec(),
        #[cfg(feature = "metal")]
        Kind::Metal => burn_tensor::Device::enumerate(burn_tensor::DeviceType::Metal).into_vec(),
        kind => unreachable!("{} is not built in", kind.name()),
    };
    let wanted = all.get(device.index.unwrap_or(0)).map(|found| (found.clone(), name(found)));
    wanted.ok_or_else(|| {
        let found = all.iter().map(name).collect();
        DeviceError::Absent { device, kind: device.kind, found }
    })
}

#[cfg(feature = "gpu")]
fn name(device: &burn_tensor::Device) -> String {
    device.identity().map_or_else(|| "Burn's CPU".to_owned(), |identity| identity.name)
}

#[cfg(not(feature = "gpu"))]
fn name(_: &burn_tensor::Device) -> String {
    "Burn's CPU".to_owned()
}

/// Run on a device: its drivers say by a panic that they cannot go on.
pub(crate) fn guarded<T>(device: Device, work: impl FnOnce() -> T) -> Result<T, DeviceError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
        let why = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or(text);
        DeviceError::Failed { device, why: why.to_owned() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_the_one_that_is_built() {
        let manifest = include_str!("../Cargo.toml");
        assert!(manifest.contains(&format!("burn-tensor = {{ version = \"{}", &RELEASE[5..])));
    }

    #[test]
    fn a_device_that_fails_says_so_in_one_line() {
        let device = Device { kind: Kind::Flex, index: None };
        let error = guarded(device, || panic!("out of memory\n  at a.rs:3")).unwrap_err();
        assert_eq!(error.to_string(), "flex failed: out of memory");
    }
}
