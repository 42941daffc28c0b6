//! The part of Python's pickle language that `torch.save(model.state_dict(), ...)` writes, and nothing else.
//!
//! A pickle is a program for a stack machine that may call any Python function. Here no call exists: of the names that it may
//! mention, two stand for data (`OrderedDict`, `_rebuild_tensor_v2`), and a handful for the types of storages; any other name and any
//! other instruction is refused with its place. Memory is bounded by [`MAX_PICKLE`], stack depth by [`MAX_DEPTH`].

use std::collections::BTreeMap;
use std::rc::Rc;

use super::OriginalError;
use super::raw::ElementType;

/// The longest pickle that is read, in bytes; FSVAELarge with its optimiser's state has less than a tenth of it.
pub(super) const MAX_PICKLE: usize = 1 << 20;
/// How deep dictionaries and tuples may stand in each other.
const MAX_DEPTH: u8 = 16;

/// A tensor as the pickle describes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TensorRecord {
    /// Name of the storage's file in the archive.
    pub storage: Rc<str>,
    pub element: Result<ElementType, Rc<str>>,
    /// In elements, as are the strides.
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

#[derive(Clone, Debug)]
enum Value {
    Mark,
    /// `None`, a number that is no integer, a Boolean: read and not needed.
    Other,
    Int(i64),
    Text(Rc<str>),
    Tuple(Rc<[Value]>, u8),
    Dict(Vec<(Value, Value)>, u8),
    List(u8),
    OrderedDict,
    RebuildTensor,
    StorageType(Result<ElementType, Rc<str>>),
    Storage(Rc<str>, Result<ElementType, Rc<str>>),
    Tensor(Rc<TensorRecord>),
}

impl Value {
    fn depth(&self) -> u8 {
        match self {
            Value::Tuple(_, depth) | Value::Dict(_, depth) | Value::List(depth) => *depth,
            _ => 0,
        }
    }
}

/// All tensors of the pickled dictionary, by name; dictionaries in dictionaries are joined by dots.
pub(super) fn tensors(pickle: &[u8]) -> Result<Vec<(String, TensorRecord)>, OriginalError> {
    let mut machine = Machine { pickle, at: 0, opcode_at: 0, stack: Vec::new(), memo: BTreeMap::new() };
    let value = machine.run()?;
    if !matches!(value, Value::Dict(..)) {
        return Err(machine.refuse("an object that is no dictionary as the whole"));
    }
    let mut found = Vec::new();
    flatten(String::new(), value, &mut found);
    Ok(found)
}

fn flatten(name: String, value: Value, found: &mut Vec<(String, TensorRecord)>) {
    match value {
        Value::Tensor(tensor) => found.push((name, (*tensor).clone())),
        Value::Dict(items, _) => {
            for (key, value) in items {
                let key = match key {
                    Value::Text(text) => text.to_string(),
                    Value::Int(number) => number.to_string(),
                    _ => continue,
                };
                flatten(if name.is_empty() { key } else { format!("{name}.{key}") }, value, found);
            }
        }
        _ => {}
    }
}

struct Machine<'a> {
    pickle: &'a [u8],
    at: usize,
    opcode_at: usize,
    stack: Vec<Value>,
    memo: BTreeMap<u32, Value>,
}

type Step<T> = Result<T, OriginalError>;

impl Machine<'_> {
    fn refuse(&self, what: impl Into<String>) -> OriginalError {
        OriginalError::Pickle { at: self.opcode_at, what: what.into() }
    }

    fn truncated(&self) -> OriginalError {
        OriginalError::Damaged { container: "PyTorch", detail: format!("data.pkl ends after {} bytes, in the middle", self.pickle.len()) }
    }

    fn malformed(&self) -> OriginalError {
        OriginalError::Damaged { container: "PyTorch", detail: format!("data.pkl makes no sense at byte {}", self.opcode_at) }
    }

    fn take(&mut self, count: usize) -> Step<&[u8]> {
        let rest = &self.pickle[self.at..];
        if rest.len() < count {
            return Err(self.truncated());
        }
        self.at += count;
        Ok(&rest[..count])
    }

    /// A little-endian number of up to eight bytes.
    fn number(&mut self, bytes: usize) -> Step<u64> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn line(&mut self) -> Step<String> {
        let length = self.pickle[self.at..].iter().position(|&byte| byte == b'\n').ok_or_else(|| self.truncated())?;
        let line = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.at += 1;
        Ok(line)
    }

    fn pop(&mut self) -> Step<Value> {
        match self.stack.pop() {
            None | Some(Value::Mark) => Err(self.malformed()),
            Some(value) => Ok(value),
        }
    }

    fn pop_to_mark(&mut self) -> Step<Vec<Value>> {
        let mark = self.stack.iter().rposition(|value| matches!(value, Value::Mark)).ok_or_else(|| self.malformed())?;
        let items = self.stack.split_off(mark + 1);
        self.stack.pop();
        Ok(items)
    }

    fn deeper<'v>(&self, values: impl Iterator<Item = &'v Value>) -> Step<u8> {
        let depth = values.map(Value::depth).max().unwrap_or(0) + 1;
        if depth > MAX_DEPTH { Err(self.refuse(format!("objects in each other, more than {MAX_DEPTH} deep"))) } else { Ok(depth) }
    }

    fn tuple(&mut self, items: Vec<Value>) -> Step<()> {
        let depth = self.deeper(items.iter())?;
        self.stack.push(Value::Tuple(items.into(), depth));
        Ok(())
    }

    /// The top of the stack, under an index. Only what cannot change may be used again.
    fn memoise(&mut self, index: u32) -> Step<()> {
        match self.stack.last() {
            None | Some(Value::Mark) => return Err(self.malformed()),
            Some(Value::Dict(..) | Value::List(_)) => {}
            Some(value) => {
                self.memo.insert(index, value.clone());
            }
        }
        Ok(())
    }

    fn recall(&mut self, index: u32) -> Step<()> {
        let value = self.memo.get(&index).cloned().ok_or_else(|| self.refuse(format!("object {index} a second time")))?;
        self.stack.push(value);
        Ok(())
    }

    fn run(&mut self) -> Step<Value> {
        loop {
            self.opcode_at = self.at;
            let opcode = self.number(1)? as u8;
            match opcode {
                0x80 => match self.number(1)? {
                    2 => {}
                    protocol => return Err(self.refuse(format!("pickle protocol {protocol} (torch.save writes 2)"))),
                },
                b'(' => self.stack.push(Value::Mark),
                b')' => self.tuple(Vec::new())?,
                b'}' => self.stack.push(Value::Dict(Vec::new(), 1)),
                b']' => self.stack.push(Value::List(1)),
                b'N' | 0x88 | 0x89 => self.stack.push(Value::Other),
                b'G' => {
                    self.take(8)?;
                    self.stack.push(Value::Other);
                }
                b'K' => self.integer(1)?,
                b'M' => self.integer(2)?,
                b'J' => {
                    let number = self.number(4)? as u32 as i32;
                    self.stack.push(Value::Int(number.into()));
                }
                0x8a => self.long()?,
                b'X' => {
                    let length = self.number(4)? as usize;
                    let text = String::from_utf8_lossy(self.take(length)?).into();
                    self.stack.push(Value::Text(text));
                }
                b'q' | b'r' => {
                    let index = self.number(if opcode == b'q' { 1 } else { 4 })? as u32;
                    self.memoise(index)?;
                }
                b'h' | b'j' => {
                    let index = self.number(if opcode == b'h' { 1 } else { 4 })? as u32;
                    self.recall(index)?;
                }
                b't' => {
                    let items = self.pop_to_mark()?;
                    self.tuple(items)?;
                }
                0x85..=0x87 => {
                    let count = usize::from(opcode - 0x84);
                    let mut items = (0..count).map(|_| self.pop()).collect::<Step<Vec<_>>>()?;
                    items.reverse();
                    self.tuple(items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.set_items(vec![key, value])?;
                }
                b'u' => {
                    let items = self.pop_to_mark()?;
                    self.set_items(items)?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.append(&[item])?;
                }
                b'e' => {
                    let items = self.pop_to_mark()?;
                    self.append(&items)?;
                }
                b'c' => self.global()?,
                b'Q' => self.persistent()?,
                b'R' => self.reduce()?,
                // the attributes of the dictionary above which they stand (`_metadata`, versions of the layers): not needed
                b'b' => {
                    self.pop()?;
                    if !matches!(self.stack.last(), Some(Value::Dict(..))) {
                        return Err(self.refuse("the state of an object that is no dictionary"));
                    }
                }
                b'.' => return self.pop(),
                _ => return Err(self.refuse(format!("instruction 0x{opcode:02x}"))),
            }
        }
    }

    fn integer(&mut self, bytes: usize) -> Step<()> {
        let number = self.number(bytes)?;
        self.stack.push(Value::Int(number as i64));
        Ok(())
    }

    /// An integer of any length; those of more than eight bytes are read and not needed.
    fn long(&mut self) -> Step<()> {
        let length = self.number(1)? as usize;
        let bytes = self.take(length)?;
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut whole = [if negative { 0xff } else { 0 }; 8];
        let value = if length <= 8 {
            whole[..length].copy_from_slice(bytes);
            Value::Int(i64::from_le_bytes(whole))
        } else {
            Value::Other
        };
        self.stack.push(value);
        Ok(())
    }

    fn set_items(&mut self, items: Vec<Value>) -> Step<()> {
        let deeper = self.deeper(items.iter())?;
        let malformed = self.malformed();
        let Some(Value::Dict(entries, depth)) = self.stack.last_mut() else { return Err(malformed) };
        if !items.len().is_multiple_of(2) {
            return Err(malformed);
        }
        *depth = (*depth).max(deeper);
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            entries.push((key, value));
        }
        Ok(())
    }

    /// Lists hold nothing that is needed (the optimiser's groups of parameters).
    fn append(&mut self, items: &[Value]) -> Step<()> {
        let deeper = self.deeper(items.iter())?;
        let malformed = self.malformed();
        let Some(Value::List(depth)) = self.stack.last_mut() else { return Err(malformed) };
        *depth = (*depth).max(deeper);
        Ok(())
    }

    fn global(&mut self) -> Step<()> {
        let (module, name) = (self.line()?, self.line()?);
        let value = match (&module[..], &name[..]) {
            ("collections", "OrderedDict") => Value::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Value::RebuildTensor,
            ("torch", "FloatStorage") => Value::StorageType(Ok(ElementType::F32)),
            ("torch", "HalfStorage") => Value::StorageType(Ok(ElementType::F16)),
            ("torch", "BFloat16Storage") => Value::StorageType(Ok(ElementType::BF16)),
            ("torch", "DoubleStorage") => Value::StorageType(Ok(ElementType::F64)),
            ("torch", "LongStorage") => Value::StorageType(Ok(ElementType::I64)),
            // a type of numbers is no danger; whether it is needed is seen when the tensor is
            (
                "torch",
                "IntStorage"
                | "ShortStorage"
                | "CharStorage"
                | "ByteStorage"
                | "BoolStorage"
                | "ComplexFloatStorage"
                | "ComplexDoubleStorage",
            ) => Value::StorageType(Err(name.into())),
            _ => return Err(self.refuse(format!("the Python name {:?}", format!("{module}.{name}")))),
        };
        self.stack.push(value);
        Ok(())
    }

    /// `("storage", type, file name, device, number of elements)`.
    fn persistent(&mut self) -> Step<()> {
        let Value::Tuple(parts, _) = self.pop()? else { return Err(self.malformed()) };
        match &parts[..] {
            [Value::Text(kind), Value::StorageType(element), Value::Text(file), Value::Text(_), Value::Int(_)] if &**kind == "storage" => {
                self.stack.push(Value::Storage(file.clone(), element.clone()));
                Ok(())
            }
            _ => Err(self.refuse("something outside the pickle that is no storage")),
        }
    }

    fn reduce(&mut self) -> Step<()> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let Value::Tuple(arguments, _) = arguments else { return Err(self.malformed()) };
        let value = match (function, &arguments[..]) {
            (Value::OrderedDict, []) => Value::Dict(Vec::new(), 1),
            (
                Value::RebuildTensor,
                [Value::Storage(storage, element), Value::Int(offset), Value::Tuple(shape, _), Value::Tuple(strides, _), ..],
            ) => {
                let (Some(offset), Some(shape), Some(strides)) = (whole(*offset), extents(shape), extents(strides)) else {
                    return Err(self.malformed());
                };
                if shape.len() != strides.len() || shape.len() > crate::MAX_RANK {
                    return Err(self.malformed());
                }
                Value::Tensor(Rc::new(TensorRecord { storage: storage.clone(), element: element.clone(), offset, shape, strides }))
            }
            (Value::OrderedDict | Value::RebuildTensor, _) => {
                return Err(self.refuse("a dictionary or tensor made of other parts than torch.save's"));
            }
            _ => return Err(self.refuse("a call")),
        };
        self.stack.push(value);
        Ok(())
    }
}

fn whole(number: i64) -> Option<usize> {
    usize::try_from(number).ok()
}

fn extents(values: &[Value]) -> Option<Vec<usize>> {
    values.iter().map(|value| if let Value::Int(number) = value { whole(*number) } else { None }).collect()
}
