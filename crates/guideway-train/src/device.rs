//! Which processor does the work.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

use crate::error::TrainError;

/// The processor to train and predict on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The processor's own cores; needs nothing installed, and the only one whose results are the same bit for bit.
    #[default]
    Cpu,
    /// An NVIDIA GPU; needs the cargo feature `cuda`.
    Cuda,
    /// Any GPU that Vulkan, Metal or DirectX 12 reaches; needs the cargo feature `wgpu`.
    Wgpu,
}

impl DeviceChoice {
    /// All choices, in the order shown to users.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Cuda, Self::Wgpu];

    /// As written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Wgpu => "wgpu",
        }
    }

    /// Whether this build can use it.
    pub fn is_built(self) -> bool {
        match self {
            Self::Cpu => true,
            Self::Cuda => cfg!(feature = "cuda"),
            Self::Wgpu => cfg!(feature = "wgpu"),
        }
    }

    /// The framework's device.
    ///
    /// # Errors
    /// [`TrainError::DeviceNotBuilt`] when the cargo feature is off.
    pub(crate) fn open(self) -> Result<Device, TrainError> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(0)),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(not(all(feature = "cuda", feature = "wgpu")))]
            other => Err(TrainError::DeviceNotBuilt { device: other.name() }),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for DeviceChoice {
    type Err = TrainError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|choice| choice.name() == name)
            .ok_or_else(|| TrainError::DeviceUnknown { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use guideway_core::Hint as _;

    use super::*;

    #[test]
    fn a_device_that_is_not_built_names_its_feature() {
        for choice in DeviceChoice::ALL.into_iter().filter(|choice| !choice.is_built()) {
            let error = choice.open().unwrap_err();
            assert!(error.hint().unwrap().contains(&format!("--features {choice}")));
        }
        assert!(DeviceChoice::Cpu.open().is_ok());
        assert!("gpu".parse::<DeviceChoice>().unwrap_err().to_string().contains("`gpu`"));
    }
}
