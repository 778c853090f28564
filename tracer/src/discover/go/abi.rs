//! How a Go function gets its arguments, and where to probe it [pure].
//!
//! Go functions begin with a check of the stack's limit: `cmp rsp, [r14+16]` where arguments are in
//! registers (the goroutine is in r14), the same through a thread-local pointer where they are on the
//! stack; then `jbe` to the code that grows the stack and starts the function anew. The limit's offset
//! and the check are the same in every release, so that the code itself says which ABI it has.

use iced_x86::{
    Code, Decoder, DecoderOptions, FlowControl, Formatter as _, Instruction, IntelFormatter,
    Mnemonic, OpKind, Register,
};

use crate::discover::Shape;
use crate::discover::elf::Function;
use crate::discover::probe_point::Point;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abi {
    /// Go 1.17 and later.
    Register,
    /// Before.
    Stack,
}

/// `crypto/tls.Conn.config`: offset before and since a field was added to the structure.
pub const CONFIG_BEFORE_1_21: u64 = 72;
pub const CONFIG_SINCE_1_21: u64 = 80;

/// `g.stackguard0`: behind the two bounds of `g.stack`.
const STACK_GUARD: u64 = 16;
/// Instructions until the check of the stack is over.
const PROLOGUE: usize = 6;
/// Instructions in which the configuration is first read.
const CONFIG_WITHIN: usize = 96;
/// Most `ret`s probed in one function.
const MAX_RETURNS: usize = 32;

fn decoder<'a>(function: Function<'a>) -> Decoder<'a> {
    Decoder::with_ip(64, function.code, function.address, DecoderOptions::NONE)
}

fn text(instruction: &Instruction) -> String {
    let mut out = String::new();
    IntelFormatter::new().format(instruction, &mut out);
    out
}

/// Where programs keep the goroutine, from the thread's base; a library asks its loader, and is not read.
const G_AT: u64 = 8u64.wrapping_neg();

/// The ABI that a function's beginning shows; `None`: not the beginning of a Go function.
pub fn of(function: Function<'_>) -> Option<Abi> {
    let mut decoder = decoder(function);
    let mut goroutine = None;
    let mut offset = None;
    for _ in 0..PROLOGUE {
        let instruction = decoder.decode();
        let from_memory = instruction.op1_kind() == OpKind::Memory;
        match instruction.mnemonic() {
            Mnemonic::Lea => {}
            // `mov rcx, fs:[-8]`, or in two steps: `mov rcx, -8; mov rcx, fs:[rcx]`.
            Mnemonic::Mov if from_memory && instruction.segment_prefix() == Register::FS => {
                let base = instruction.memory_base();
                let direct = base == Register::None && instruction.memory_displacement64() == G_AT;
                let indirect = offset == Some(base) && instruction.memory_displacement64() == 0;
                if direct || indirect {
                    goroutine = Some(instruction.op0_register());
                }
            }
            Mnemonic::Mov if instruction.op1_kind() == OpKind::Immediate32to64 => {
                offset = (instruction.immediate32to64().cast_unsigned() == G_AT)
                    .then_some(instruction.op0_register());
            }
            Mnemonic::Cmp if from_memory && instruction.memory_displacement64() == STACK_GUARD => {
                return match instruction.memory_base() {
                    Register::R14 => Some(Abi::Register),
                    base if goroutine == Some(base) => Some(Abi::Stack),
                    _ => None,
                };
            }
            _ => return None,
        }
    }
    None
}

/// The cheapest place where a function's arguments are as at its entry: `push rbp` behind the check of
/// the stack, reached once a call, else the check's own jump, reached again after each growth (which
/// changes nothing: what it saves is the same).
pub fn entry(function: Function<'_>, shape: Shape) -> Option<Point> {
    let mut decoder = decoder(function);
    let mut jump = None;
    for _ in 0..=PROLOGUE {
        let instruction = decoder.decode();
        let at = instruction.ip().checked_sub(function.address)?;
        let point = |what: &str| Point {
            shape,
            offset: function.offset + at,
            instruction: text(&instruction),
            emulated: true,
            reason: format!("{at} bytes in, {what}, emulated"),
        };
        if instruction.is_jcc_short_or_near() {
            jump = Some(point("the stack check's jump"));
        } else if instruction.mnemonic() == Mnemonic::Push && jump.is_some() {
            return Some(point("behind the stack check"));
        } else if instruction.is_invalid() || jump.is_some() {
            break;
        }
    }
    jump
}

/// Every `ret` of a function. `None` unless its whole code decodes.
pub fn returns(function: Function<'_>, shape: Shape) -> Option<Vec<Point>> {
    let mut points = Vec::new();
    for instruction in &mut decoder(function) {
        if instruction.is_invalid() {
            return None;
        }
        if instruction.code() == Code::Retnq {
            let at = instruction.ip() - function.address;
            points.push(Point {
                shape,
                offset: function.offset + at,
                instruction: text(&instruction),
                emulated: false,
                reason: format!("ret {at} bytes in: stacks move, no return probe"),
            });
        } else if instruction.flow_control() == FlowControl::Return {
            return None;
        }
    }
    (!points.is_empty() && points.len() <= MAX_RETURNS).then_some(points)
}

/// Offset of the configuration in a connection, read off the first thing that the client's handshake
/// does: `if c.config == nil`.
pub fn config_offset(function: Function<'_>, abi: Abi) -> Option<u64> {
    let known = [CONFIG_BEFORE_1_21, CONFIG_SINCE_1_21];
    let mut connection = match abi {
        Abi::Register => vec![Register::RAX],
        Abi::Stack => Vec::new(),
    };
    for instruction in decoder(function).iter().take(CONFIG_WITHIN) {
        let stack =
            instruction.op1_kind() == OpKind::Memory && instruction.memory_base() == Register::RSP;
        if instruction.mnemonic() == Mnemonic::Mov
            && instruction.op0_kind() == OpKind::Register
            && (stack && abi == Abi::Stack || connection.contains(&instruction.op1_register()))
        {
            connection.push(instruction.op0_register());
        }
        let null = instruction.mnemonic() == Mnemonic::Cmp
            && instruction.op0_kind() == OpKind::Memory
            && connection.contains(&instruction.memory_base())
            && instruction.op1_kind() == OpKind::Immediate8to64
            && instruction.immediate8to64() == 0;
        if null && known.contains(&instruction.memory_displacement64()) {
            return Some(instruction.memory_displacement64());
        }
    }
    None
}
