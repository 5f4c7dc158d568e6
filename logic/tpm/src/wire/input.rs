//! Reading what the other side sent.

use crate::rc::{Rc, Result};
use ironroot_codec::Cursor;

/// Foreign bytes, read from the front. Running out is `TPM_RC_INSUFFICIENT`.
pub(crate) struct Input<'a>(Cursor<'a>);

/// A type that can be read from its wire form.
pub(crate) trait Unmarshal: Sized {
    /// Reads one value.
    ///
    /// # Errors
    /// What the specification's Part 2 names for the type; without a number, [`Params`] adds it.
    fn unmarshal(input: &mut Input<'_>) -> Result<Self>;
}

impl<'a> Input<'a> {
    /// Reads `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(Cursor::new(bytes))
    }

    /// One value.
    ///
    /// # Errors
    /// As [`Unmarshal::unmarshal`].
    pub(crate) fn get<T: Unmarshal>(&mut self) -> Result<T> {
        T::unmarshal(self)
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// `INSUFFICIENT`.
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        self.0.take(len).map_err(|_| Rc::INSUFFICIENT)
    }

    /// The bytes of a sized buffer (`TPM2B`) of at most `most` bytes.
    ///
    /// # Errors
    /// `SIZE` if it is longer, `INSUFFICIENT` if it says more than there is.
    pub(crate) fn sized(&mut self, most: usize) -> Result<&'a [u8]> {
        let len = usize::from(self.get::<u16>()?);
        if len > most {
            return Err(Rc::SIZE);
        }
        self.take(len)
    }

    /// A structure inside a sized buffer; its size must be exactly what the structure needs, and not zero.
    ///
    /// # Errors
    /// `SIZE`, and what the structure's own reading says.
    pub(crate) fn sized_structure<T: Unmarshal>(&mut self) -> Result<T> {
        let len = usize::from(self.get::<u16>()?);
        if len == 0 {
            return Err(Rc::SIZE);
        }
        let mut inner = Input::new(self.take(len)?);
        // If the structure ends early although more bytes are here, it is the size that is wrong.
        let value = inner
            .get()
            .map_err(|rc| match rc == Rc::INSUFFICIENT && !self.is_empty() {
                true => Rc::SIZE,
                false => rc,
            })?;
        match inner.is_empty() {
            true => Ok(value),
            false => Err(Rc::SIZE),
        }
    }

    /// A structure inside a sized buffer that is all there is.
    ///
    /// # Errors
    /// As [`Input::sized_structure`]; `SIZE`: bytes follow.
    pub(crate) fn whole_sized<T: Unmarshal>(mut self) -> Result<T> {
        let value = self.sized_structure()?;
        match self.is_empty() {
            true => Ok(value),
            false => Err(Rc::SIZE),
        }
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0.rest()
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

macro_rules! number {
    ($type:ty) => {
        impl Unmarshal for $type {
            fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
                let bytes = input.0.array().map_err(|_| Rc::INSUFFICIENT)?;
                Ok(Self::from_be_bytes(bytes))
            }
        }
    };
}
number!(u8);
number!(u16);
number!(u32);
number!(u64);
number!(i32);

/// `TPMI_YES_NO`: anything but 0 and 1 is `VALUE`.
impl Unmarshal for bool {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        match input.get::<u8>()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Rc::VALUE),
        }
    }
}

/// A command's parameters, read one after the other; every error carries the number of the parameter.
pub(crate) struct Params<'a> {
    input: Input<'a>,
    number: u8,
}

impl<'a> Params<'a> {
    /// Parameters in `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            input: Input::new(bytes),
            number: 0,
        }
    }

    /// The next parameter.
    ///
    /// # Errors
    /// What the type says, with the parameter's number.
    pub(crate) fn get<T: Unmarshal>(&mut self) -> Result<T> {
        self.with(|input| input.get())
    }

    /// The next parameter, a sized buffer, in place.
    ///
    /// # Errors
    /// As [`Input::sized`], with the parameter's number.
    pub(crate) fn sized(&mut self, most: usize) -> Result<&'a [u8]> {
        self.with(|input| input.sized(most))
    }

    /// The next parameter, a structure inside a sized buffer.
    ///
    /// # Errors
    /// As [`Input::sized_structure`], with the parameter's number.
    pub(crate) fn sized_structure<T: Unmarshal>(&mut self) -> Result<T> {
        self.with(|input| input.sized_structure())
    }

    /// The next parameter, read by `read`.
    ///
    /// # Errors
    /// What `read` says, with the parameter's number.
    pub(crate) fn with<T>(&mut self, read: impl FnOnce(&mut Input<'a>) -> Result<T>) -> Result<T> {
        self.number = self.number.saturating_add(1);
        read(&mut self.input).map_err(|rc| rc.parameter(self.number))
    }

    /// Says that nothing may follow.
    ///
    /// # Errors
    /// `SIZE`: bytes follow.
    pub(crate) fn end(&self) -> Result<()> {
        match self.input.is_empty() {
            true => Ok(()),
            false => Err(Rc::SIZE),
        }
    }
}
