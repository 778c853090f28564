//! The GPUs of the host, and the many names each goes by [pure].
//!
//! In: what /sys, /proc and NVML list, and what driver calls betray. Out: one place per GPU, which
//! never moves while the agent runs. NVML's index, the minor and CUDA's ordinal are three things.

/// Most GPUs kept: a caller may make names up.
const MAX_GPUS: usize = 256;

/// Place of a GPU in the inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GpuPlace(pub usize);

/// Where a GPU sits on the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pci {
    pub domain: u32,
    pub bus: u16,
    pub slot: u16,
}

/// What is known of a GPU. Absent is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gpu {
    pub uuid: Option<[u8; 16]>,
    /// As the vendor writes it, `GPU-...`.
    pub id: Option<String>,
    pub name: Option<String>,
    pub vendor: Option<&'static str>,
    /// NVML's own count.
    pub index: Option<u32>,
    /// N of /dev/nvidiaN.
    pub minor: Option<u32>,
    pub pci: Option<Pci>,
    /// Minors of its graphics nodes, card and render.
    pub nodes: Vec<u32>,
    /// AMD's id of it in /dev/kfd.
    pub kfd: Option<u32>,
    pub memory_total: Option<u64>,
}

/// A name by which a driver call or a list means a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    Uuid([u8; 16]),
    Minor(u32),
    Pci(Pci),
    Kfd(u32),
    Node(u32),
}

impl Gpu {
    fn answers_to(&self, name: Name) -> bool {
        match name {
            Name::Uuid(uuid) => self.uuid == Some(uuid),
            Name::Minor(minor) => self.minor == Some(minor),
            Name::Pci(pci) => self.pci == Some(pci),
            Name::Kfd(id) => self.kfd == Some(id),
            Name::Node(minor) => self.nodes.contains(&minor),
        }
    }

    fn called(name: Name) -> Self {
        let mut gpu = Self::default();
        match name {
            Name::Uuid(uuid) => {
                gpu.uuid = Some(uuid);
                gpu.id = Some(uuid_text(uuid));
                gpu.vendor = Some("nvidia");
            }
            Name::Minor(minor) => {
                gpu.minor = Some(minor);
                gpu.vendor = Some("nvidia");
            }
            Name::Pci(pci) => gpu.pci = Some(pci),
            Name::Kfd(id) => {
                gpu.kfd = Some(id);
                gpu.vendor = Some("amd");
            }
            Name::Node(minor) => gpu.nodes.push(minor),
        }
        gpu
    }

    /// Takes over what another list knows of the same GPU.
    fn learn(&mut self, other: Self) {
        self.uuid = other.uuid.or(self.uuid);
        self.id = other.id.or_else(|| self.id.take());
        self.name = other.name.or_else(|| self.name.take());
        self.vendor = other.vendor.or(self.vendor);
        self.index = other.index.or(self.index);
        self.minor = other.minor.or(self.minor);
        self.pci = other.pci.or(self.pci);
        self.kfd = other.kfd.or(self.kfd);
        self.memory_total = other.memory_total.or(self.memory_total);
        for node in other.nodes {
            if !self.nodes.contains(&node) {
                self.nodes.push(node);
            }
        }
    }

    fn names(&self) -> impl Iterator<Item = Name> + '_ {
        let one = [
            self.uuid.map(Name::Uuid),
            self.minor.map(Name::Minor),
            self.pci.map(Name::Pci),
            self.kfd.map(Name::Kfd),
        ];
        one.into_iter().flatten().chain(self.nodes.iter().copied().map(Name::Node))
    }
}

#[derive(Clone, Debug, Default)]
pub struct Inventory {
    gpus: Vec<Gpu>,
}

impl Inventory {
    pub fn gpus(&self) -> impl Iterator<Item = (GpuPlace, &Gpu)> {
        self.gpus.iter().enumerate().map(|(at, gpu)| (GpuPlace(at), gpu))
    }

    pub fn get(&self, place: GpuPlace) -> Option<&Gpu> {
        self.gpus.get(place.0)
    }

    pub fn len(&self) -> usize {
        self.gpus.len()
    }

    pub fn is_empty(&self) -> bool {
        self.gpus.is_empty()
    }

    pub fn find(&self, name: Name) -> Option<GpuPlace> {
        self.gpus.iter().position(|gpu| gpu.answers_to(name)).map(GpuPlace)
    }

    /// The GPU of a name, entered when nobody has listed it; `None` when the inventory is full.
    pub fn find_or_enter(&mut self, name: Name) -> Option<GpuPlace> {
        self.find(name).or_else(|| {
            (self.gpus.len() < MAX_GPUS).then(|| {
                self.gpus.push(Gpu::called(name));
                GpuPlace(self.gpus.len() - 1)
            })
        })
    }

    /// Takes what a list says of a GPU: joined with what is known of it under any of its names.
    pub fn learn(&mut self, gpu: Gpu) -> Option<GpuPlace> {
        let known = gpu.names().find_map(|name| self.find(name));
        match known {
            Some(place) => {
                self.gpus[place.0].learn(gpu);
                Some(place)
            }
            None if self.gpus.len() < MAX_GPUS => {
                self.gpus.push(gpu);
                Some(GpuPlace(self.gpus.len() - 1))
            }
            None => None,
        }
    }

    /// Says that the GPU at `place` has this UUID too, unless it is known by another.
    pub fn name_uuid(&mut self, place: GpuPlace, uuid: [u8; 16]) {
        if let Some(gpu) = self.gpus.get_mut(place.0)
            && gpu.uuid.is_none()
        {
            gpu.uuid = Some(uuid);
            gpu.id = Some(uuid_text(uuid));
        }
    }
}

/// `GPU-xxxxxxxx-xxxx-...`, as NVIDIA's tools print it.
pub fn uuid_text(uuid: [u8; 16]) -> String {
    let hex: Vec<String> = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex[from..to].concat();
    format!("GPU-{}-{}-{}-{}-{}", part(0, 4), part(4, 6), part(6, 8), part(8, 10), part(10, 16))
}

/// The bytes of `GPU-...`, or `None` for something else.
pub fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.strip_prefix("GPU-")?.chars().filter(|c| *c != '-').collect();
    if digits.len() != 32 || !digits.is_ascii() {
        return None;
    }
    let mut uuid = [0; 16];
    for (at, byte) in uuid.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(uuid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_gpu_under_many_names() {
        let mut inventory = Inventory::default();
        let uuid = [7; 16];
        let by_minor = inventory.find_or_enter(Name::Minor(1)).unwrap();
        let listed = Gpu { uuid: Some(uuid), minor: Some(1), index: Some(0), ..Gpu::default() };
        assert_eq!(inventory.learn(listed), Some(by_minor));
        assert_eq!(inventory.find(Name::Uuid(uuid)), Some(by_minor));
        assert_eq!(inventory.find_or_enter(Name::Kfd(9)), Some(GpuPlace(1)));
        assert_eq!(inventory.len(), 2);
    }

    #[test]
    fn made_up_names_do_not_fill_memory() {
        let mut inventory = Inventory::default();
        for minor in 0..10_000 {
            inventory.find_or_enter(Name::Minor(minor));
        }
        assert_eq!(inventory.len(), MAX_GPUS);
    }

    #[test]
    fn uuids_are_written_as_the_tools_do() {
        let text = "GPU-01020304-0506-0708-090a-0b0c0d0e0f10";
        let uuid = parse_uuid(text).unwrap();
        assert_eq!(uuid[15], 16);
        assert_eq!(uuid_text(uuid), text);
        assert_eq!(parse_uuid("MIG-0102"), None);
        assert_eq!(parse_uuid("GPU-ééé"), None);
    }
}
