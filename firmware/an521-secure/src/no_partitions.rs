// No packer, no partitions: the image still compiles and boots.
pub(crate) static PARTITIONS: &[PartitionInfo] = &[];
pub(crate) static SERVICES: &[ServiceInfo] = &[];
pub(crate) static IMAGES: &[PartitionImage] = &[];
