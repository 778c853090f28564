//! Code without symbols: who refers to a string, where a function begins and ends [pure].

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};
use memchr::{memchr_iter, memmem};

use crate::discover::image::Image;

/// How far before a place its function is thought to begin, and how long it may be.
const MAX_FUNCTION: u64 = 8192;
/// Compilers align functions so.
const ALIGNMENT: u64 = 16;
/// Most references to one string.
const MAX_REFERENCES: usize = 4096;

/// A function as it was decoded, from its first instruction to its last.
#[derive(Clone, Debug)]
pub(super) struct Body {
    pub(super) start: u64,
    pub(super) instructions: Vec<Instruction>,
}

/// Constants in argument registers where control leaves: `f(a, _, c, d, e)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Constants {
    pub(super) rdi: Option<u64>,
    pub(super) rdx: Option<u64>,
    pub(super) rcx: Option<u64>,
    pub(super) r8: Option<u64>,
}

/// Address of the C string that ends so, if there is one only.
pub(super) fn string_ending_in(image: &Image<'_>, end: &str) -> Option<u64> {
    let pattern = [end.as_bytes(), b"\0"].concat();
    let finder = memmem::Finder::new(&pattern);
    let mut found = image.segments().iter().filter(|s| !s.executable).flat_map(|segment| {
        finder.find_iter(segment.data).filter_map(|at| {
            let start = memchr::memrchr(0, &segment.data[..at]).map_or(0, |zero| zero + 1);
            (at - start < 256).then(|| segment.address + start as u64)
        })
    });
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Instructions that put an address into rcx, the fourth argument: `mov ecx, imm32` or `lea rcx, [rip+x]`.
pub(super) fn references(image: &Image<'_>, address: u64) -> Vec<u64> {
    let mut found = Vec::new();
    for segment in image.segments().iter().filter(|segment| segment.executable) {
        if let Ok(absolute) = u32::try_from(address) {
            let pattern = [&[0xb9][..], &absolute.to_le_bytes()].concat();
            let places = memmem::find_iter(segment.data, &pattern);
            found.extend(places.map(|at| segment.address + at as u64));
        }
        for at in memmem::find_iter(segment.data, &[0x48, 0x8d, 0x0d]) {
            if relative(segment.data, segment.address, at + 3) == Some(address) {
                found.push(segment.address + at as u64);
            }
        }
    }
    found.sort_unstable();
    found.truncate(MAX_REFERENCES);
    found
}

/// Where a 32-bit displacement that ends an instruction leads.
fn relative(code: &[u8], base: u64, at: usize) -> Option<u64> {
    let displacement = i32::from_le_bytes(*code.get(at..)?.first_chunk()?);
    Some(base.wrapping_add(at as u64 + 4).wrapping_add_signed(i64::from(displacement)))
}

/// The functions that hold some places: for each the nearest aligned address before it that code calls
/// and from which decoding passes through the place. One pass over the program's code.
pub(super) fn functions_around(image: &Image<'_>, places: &[u64]) -> Vec<Option<Body>> {
    let mut starts: Vec<Vec<u64>> = vec![Vec::new(); places.len()];
    let called = |target: u64, starts: &mut Vec<Vec<u64>>| {
        if !target.is_multiple_of(ALIGNMENT) {
            return;
        }
        for (place, starts) in places.iter().zip(starts) {
            if target <= *place && *place - target < MAX_FUNCTION && !starts.contains(&target) {
                starts.push(target);
            }
        }
    };
    let (Some(lowest), Some(highest)) = (places.iter().min(), places.iter().max()) else {
        return Vec::new();
    };
    for segment in image.segments().iter().filter(|segment| segment.executable) {
        for at in memchr_iter(0xe8, segment.data) {
            if let Some(target) = relative(segment.data, segment.address, at + 1)
                && target <= *highest
                && target + MAX_FUNCTION > *lowest
            {
                called(target, &mut starts);
            }
        }
    }
    let nearest = |(place, mut starts): (&u64, Vec<u64>)| {
        starts.sort_unstable();
        starts.into_iter().rev().find_map(|start| {
            body(image, start).filter(|body| body.instructions.iter().any(|i| i.ip() == *place))
        })
    };
    places.iter().zip(starts).map(nearest).collect()
}

/// Places of direct calls to an address.
pub(super) fn calls_to(image: &Image<'_>, address: u64) -> Vec<u64> {
    let mut found = Vec::new();
    for segment in image.segments().iter().filter(|segment| segment.executable) {
        let to = |at: &usize| relative(segment.data, segment.address, at + 1) == Some(address);
        let places = memchr_iter(0xe8, segment.data).filter(to);
        found.extend(places.map(|at| segment.address + at as u64));
    }
    found.truncate(MAX_REFERENCES);
    found
}

/// Decodes a function: to the first instruction after which nothing goes on and behind which none of
/// its jumps leads.
pub(super) fn body(image: &Image<'_>, start: u64) -> Option<Body> {
    let function = image.code(start, None)?;
    let code = &function.code[..function.code.len().min(MAX_FUNCTION as usize)];
    let mut furthest = start;
    let mut instructions = Vec::new();
    for instruction in &mut Decoder::with_ip(64, code, start, DecoderOptions::NONE) {
        if instruction.is_invalid() {
            return None;
        }
        instructions.push(instruction);
        if instruction.op0_kind() == OpKind::NearBranch64
            && instruction.mnemonic() != Mnemonic::Call
        {
            let target = instruction.near_branch_target();
            if (start..start + MAX_FUNCTION).contains(&target) {
                furthest = furthest.max(target);
            }
        }
        let stops = matches!(
            instruction.flow_control(),
            FlowControl::Return
                | FlowControl::UnconditionalBranch
                | FlowControl::IndirectBranch
                | FlowControl::Interrupt
                | FlowControl::Exception
        );
        if stops && instruction.next_ip() > furthest {
            return Some(Body { start, instructions });
        }
    }
    None
}

impl Body {
    pub(super) fn end(&self) -> u64 {
        self.instructions.last().map_or(self.start, Instruction::next_ip)
    }

    /// Functions it calls directly.
    pub(super) fn calls(&self) -> impl Iterator<Item = u64> {
        let direct = |i: &&Instruction| {
            i.mnemonic() == Mnemonic::Call && i.op0_kind() == OpKind::NearBranch64
        };
        self.instructions.iter().filter(direct).map(Instruction::near_branch_target)
    }

    /// Whether it changes memory that is not its own frame, behind a call of `callee`.
    pub(super) fn writes_behind(&self, callee: u64) -> bool {
        let mut behind = false;
        self.instructions.iter().any(|i| {
            behind |= i.mnemonic() == Mnemonic::Call
                && i.op0_kind() == OpKind::NearBranch64
                && i.near_branch_target() == callee;
            let writes = matches!(i.mnemonic(), Mnemonic::Add | Mnemonic::Sub | Mnemonic::Mov)
                && i.op0_kind() == OpKind::Memory;
            let base = i.memory_base();
            let own = [Register::RSP, Register::RBP, Register::RIP, Register::None].contains(&base);
            behind && writes && !own
        })
    }

    /// Constants of argument registers at each call and jump, as set since the control flow last joined.
    pub(super) fn constants(&self) -> Vec<Constants> {
        const NONE: Constants = Constants { rdi: None, rdx: None, rcx: None, r8: None };
        let mut now = NONE;
        let mut found = Vec::new();
        for i in &self.instructions {
            let leaves = i.flow_control() != FlowControl::Next;
            if leaves {
                if now.rcx.is_some() {
                    found.push(now);
                }
                now = NONE;
                continue;
            }
            if i.op_count() == 0 || i.op0_kind() != OpKind::Register {
                continue;
            }
            let value = match (i.mnemonic(), i.op1_kind()) {
                (Mnemonic::Mov, OpKind::Immediate32) => Some(u64::from(i.immediate32())),
                (Mnemonic::Lea, OpKind::Memory) if i.is_ip_rel_memory_operand() => {
                    Some(i.ip_rel_memory_address())
                }
                _ => None,
            };
            match i.op0_register().full_register() {
                Register::RDI => now.rdi = value,
                Register::RDX => now.rdx = value,
                Register::RCX => now.rcx = value,
                Register::R8 => now.r8 = value,
                _ => {}
            }
        }
        found
    }
}
