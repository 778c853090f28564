//! The cheapest place to probe a function [pure].
//!
//! In: a function's code and the registers that hold its arguments. Out: the offset of an
//! instruction that the kernel emulates (arch/x86/kernel/uprobes.c: `push`, `nop`, `jmp`, `call`,
//! `jcc`), 20 times cheaper than one it must single-step out of line. Until that instruction the
//! argument registers must be untouched, and for a return probe the return address must still be
//! on top of the stack. Where there is none, the function's entry.

use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Formatter as _, Instruction, InstructionInfoFactory,
    IntelFormatter, Mnemonic, OpAccess, OpKind, Register,
};

use crate::discover::Shape;
use crate::discover::elf::{Elf, Function};

/// Instructions looked at on the straight path.
const MAX_INSTRUCTIONS: usize = 64;

/// A chosen place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    pub shape: Shape,
    /// In the file.
    pub offset: u64,
    pub instruction: String,
    pub emulated: bool,
    pub reason: String,
}

/// System V argument registers that a shape's program reads.
const fn arguments(shape: Shape) -> &'static [Register] {
    use Register::{R8, RCX, RDI, RDX, RSI};
    match shape {
        Shape::Write
        | Shape::Read
        | Shape::Send
        | Shape::Receive
        | Shape::SendNamed
        | Shape::ReceiveNamed => &[RDI, RSI, RDX],
        Shape::WriteEx | Shape::ReadEx => &[RDI, RSI, RDX, RCX],
        Shape::WriteEx2 => &[RDI, RSI, RDX, RCX, R8],
        Shape::Ctrl => &[RDI, RSI, RDX, RCX],
        Shape::Free | Shape::Handshake | Shape::BoringHandshake | Shape::Error => &[RDI],
        Shape::RustlsWrite
        | Shape::RustlsWriteVectored
        | Shape::RustlsDecrypt12
        | Shape::RustlsDecrypt13
        | Shape::RustlsTraffic
        | Shape::RustlsServer => &[RDI, RSI, RDX],
        Shape::RustlsSend | Shape::RustlsDrop => &[RDI],
        Shape::NameWithLength => &[RDI, RSI, RDX, RCX],
        Shape::Name | Shape::BoringName => &[RDI, RSI],
        // Go's own are chosen in `discover::go::abi`.
        _ => &[],
    }
}

/// The shape of the internal function that a thin public one hands its work to, with the length by
/// pointer in the fourth argument (`ssl_write_internal`, `ssl_read_internal` in OpenSSL's ssl_lib.c).
const fn internal(shape: Shape) -> Option<Shape> {
    match shape {
        Shape::Write | Shape::WriteEx => Some(Shape::WriteEx),
        Shape::Read | Shape::ReadEx => Some(Shape::ReadEx),
        _ => None,
    }
}

/// Chooses the place for `function`.
pub fn choose(elf: &Elf<'_>, function: Function<'_>, shape: Shape) -> Option<Point> {
    if !elf.is_x86_64 {
        return Some(Point {
            shape,
            offset: function.offset,
            instruction: String::new(),
            emulated: false,
            reason: "entry: code of this machine is not disassembled".to_owned(),
        });
    }
    if let Some(point) = emulated_in(function, shape, "") {
        return Some(point);
    }
    if let Some(shape) = internal(shape)
        && let Some(callee) = delegate(elf, function)
        && let Some(point) =
            emulated_in(callee, shape, "in the internal function it hands over to: ")
    {
        return Some(point);
    }
    entry(function, shape)
}

/// Chooses the place for a function that hands nothing over.
pub fn within(function: Function<'_>, shape: Shape) -> Option<Point> {
    emulated_in(function, shape, "").or_else(|| entry(function, shape))
}

fn entry(function: Function<'_>, shape: Shape) -> Option<Point> {
    let mut decoder = decoder(function);
    let first = decoder.decode();
    (!first.is_invalid()).then(|| Point {
        shape,
        offset: function.offset,
        instruction: text(&first),
        emulated: is_emulated(&first),
        reason: "entry: no emulated instruction while the arguments are in their registers"
            .to_owned(),
    })
}

fn decoder<'a>(function: Function<'a>) -> Decoder<'a> {
    Decoder::with_ip(64, function.code, function.address, DecoderOptions::NONE)
}

fn text(instruction: &Instruction) -> String {
    let mut out = String::new();
    IntelFormatter::new().format(instruction, &mut out);
    out
}

/// What arch/x86/kernel/uprobes.c emulates without leaving the trap.
fn is_emulated(instruction: &Instruction) -> bool {
    match instruction.mnemonic() {
        Mnemonic::Nop => true,
        Mnemonic::Push => instruction.op0_kind() == OpKind::Register && instruction.len() <= 2,
        Mnemonic::Call | Mnemonic::Jmp => instruction.op0_kind() == OpKind::NearBranch64,
        _ => instruction.is_jcc_short_or_near(),
    }
}

/// The first emulated instruction on the straight path, arguments and stack being as at the entry.
fn emulated_in(function: Function<'_>, shape: Shape, prefix: &str) -> Option<Point> {
    let mut factory = InstructionInfoFactory::new();
    let mut decoder = decoder(function);
    let mut skipped = 0;
    while decoder.can_decode() && skipped < MAX_INSTRUCTIONS {
        let instruction = decoder.decode();
        if instruction.is_invalid() {
            return None;
        }
        if is_emulated(&instruction) {
            let at = instruction.ip() - function.address;
            let place = if skipped == 0 {
                "first instruction".to_owned()
            } else {
                format!("{at} bytes in")
            };
            return Some(Point {
                shape,
                offset: function.offset + at,
                instruction: text(&instruction),
                emulated: true,
                reason: format!("{prefix}{place}, emulated"),
            });
        }
        let keeps = !writes_any(&mut factory, &instruction, arguments(shape))
            && (!shape.wants_return() || !writes_any(&mut factory, &instruction, &[Register::RSP]))
            && instruction.flow_control() == FlowControl::Next;
        if !keeps {
            return None;
        }
        skipped += 1;
    }
    None
}

fn writes_any(
    factory: &mut InstructionInfoFactory,
    instruction: &Instruction,
    registers: &[Register],
) -> bool {
    factory.info(instruction).used_registers().iter().any(|used| {
        matches!(
            used.access(),
            OpAccess::Write | OpAccess::ReadWrite | OpAccess::CondWrite | OpAccess::ReadCondWrite
        ) && registers.contains(&used.register().full_register())
    })
}

/// The function that gets this one's connection and buffer unchanged by its first direct call (or
/// jump away), its fourth argument a pointer: a stack slot or the caller's own.
fn delegate<'a>(elf: &Elf<'a>, function: Function<'_>) -> Option<Function<'a>> {
    let mut factory = InstructionInfoFactory::new();
    let mut decoder = decoder(function);
    let end = function.address + function.code.len() as u64;
    let mut pointer = true;
    for _ in 0..MAX_INSTRUCTIONS {
        if !decoder.can_decode() {
            return None;
        }
        let instruction = decoder.decode();
        if instruction.is_invalid() {
            return None;
        }
        let away = match instruction.mnemonic() {
            Mnemonic::Call => true,
            Mnemonic::Jmp => !(function.address..end).contains(&instruction.near_branch_target()),
            _ => false,
        };
        if away {
            let direct = instruction.op0_kind() == OpKind::NearBranch64;
            return (direct && pointer)
                .then(|| elf.at(instruction.near_branch_target(), 0))
                .flatten();
        }
        if matches!(
            instruction.flow_control(),
            FlowControl::Return | FlowControl::UnconditionalBranch
        ) {
            return None;
        }
        if writes_any(&mut factory, &instruction, &[Register::RDI, Register::RSI]) {
            return None;
        }
        if writes_any(&mut factory, &instruction, &[Register::RDX]) && !widens_length(&instruction)
        {
            return None;
        }
        if writes_any(&mut factory, &instruction, &[Register::RCX]) {
            let address = match instruction.mnemonic() {
                Mnemonic::Lea => instruction.memory_base(),
                Mnemonic::Mov if instruction.op1_kind() == OpKind::Register => {
                    instruction.op1_register()
                }
                _ => Register::None,
            };
            pointer = instruction.op0_register() == Register::RCX && address == Register::RSP;
        }
    }
    None
}

/// `mov edx, edx` or `movsxd rdx, edx`: the length itself, made 64 bits wide.
fn widens_length(instruction: &Instruction) -> bool {
    matches!(instruction.mnemonic(), Mnemonic::Mov | Mnemonic::Movsxd)
        && instruction.op1_kind() == OpKind::Register
        && instruction.op1_register() == Register::EDX
}
