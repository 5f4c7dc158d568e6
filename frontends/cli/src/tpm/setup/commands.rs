//! The few commands of a TPM that set-up needs (TPM 2.0 Library, part 3). Every authorisation is empty.

use super::server::Server;
use anyhow::{Context, Result, bail};

pub(super) const OWNER: u32 = 0x4000_0001;
pub(super) const ENDORSEMENT: u32 = 0x4000_000b;
const PLATFORM: u32 = 0x4000_000c;

const NO_SESSIONS: u16 = 0x8001;
const SESSIONS: u16 = 0x8002;
/// TPM_RS_PW with neither nonce nor password.
const EMPTY_PASSWORD: [u8; 13] = [0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0];

const EVICT_CONTROL: u32 = 0x120;
const NV_DEFINE_SPACE: u32 = 0x12a;
const PCR_ALLOCATE: u32 = 0x12b;
const CREATE_PRIMARY: u32 = 0x131;
const NV_WRITE: u32 = 0x137;
const NV_WRITE_LOCK: u32 = 0x138;
const SHUTDOWN: u32 = 0x145;
const FLUSH_CONTEXT: u32 = 0x165;
const GET_CAPABILITY: u32 = 0x17a;

/// ppwrite, writedefine, ppread, ownerread, authread, no_da, platformcreate.
const CERTIFICATE_ATTRIBUTES: u32 = 0x4207_2001;
const SHA256: u16 = 0x000b;
/// Every TPM takes so much at once (`TPM_PT_NV_BUFFER_MAX`).
const NV_BUFFER: usize = 1024;

impl Server {
    /// Sends a command; gives what follows the answer's header.
    fn command(
        &mut self,
        what: &str,
        code: u32,
        handles: &[u32],
        authorised: bool,
        parameters: &[u8],
    ) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        for handle in handles {
            body.extend(handle.to_be_bytes());
        }
        if authorised {
            body.extend(EMPTY_PASSWORD);
        }
        body.extend(parameters);
        let tag = if authorised { SESSIONS } else { NO_SESSIONS };
        let len = u32::try_from(10 + body.len())?;
        let command = [
            &tag.to_be_bytes()[..],
            &len.to_be_bytes(),
            &code.to_be_bytes(),
            &body,
        ]
        .concat();
        let answer = self.transmit(&command)?;
        let (head, rest) = answer.split_at_checked(10).context("a short answer")?;
        match u32::from_be_bytes([head[6], head[7], head[8], head[9]]) {
            0 => Ok(rest.to_vec()),
            code => bail!("{what} failed: {code:#x}"),
        }
    }

    /// Makes a primary key; gives its handle and its public area.
    pub(super) fn create_primary(
        &mut self,
        hierarchy: u32,
        template: &[u8],
    ) -> Result<(u32, Vec<u8>)> {
        let parameters = [
            // inSensitive: neither password nor data.
            &[0, 4, 0, 0, 0, 0][..],
            &sized(template)?,
            // No outside information, no PCRs.
            &[0, 0, 0, 0, 0, 0],
        ]
        .concat();
        let answer = self.command(
            "TPM2_CreatePrimary",
            CREATE_PRIMARY,
            &[hierarchy],
            true,
            &parameters,
        )?;
        let mut reader = Reader(&answer);
        let handle = reader.word()?;
        let _parameters_len = reader.word()?;
        Ok((handle, reader.sized()?.to_vec()))
    }

    /// Keeps a key under a handle, and unloads the loaded one.
    pub(super) fn persist(&mut self, handle: u32, persistent: u32) -> Result<()> {
        let to = persistent.to_be_bytes();
        self.command(
            "TPM2_EvictControl",
            EVICT_CONTROL,
            &[OWNER, handle],
            true,
            &to,
        )?;
        self.command("TPM2_FlushContext", FLUSH_CONTEXT, &[handle], false, &[])?;
        Ok(())
    }

    /// An index for a certificate or a template, with its content.
    pub(super) fn write_index(&mut self, index: u32, data: &[u8], lock: bool) -> Result<()> {
        let len = u16::try_from(data.len()).context("the data is too long")?;
        let public = [
            &index.to_be_bytes()[..],
            &SHA256.to_be_bytes(),
            &CERTIFICATE_ATTRIBUTES.to_be_bytes(),
            &[0, 0],
            &len.to_be_bytes(),
        ]
        .concat();
        let parameters = [&[0, 0][..], &sized(&public)?].concat();
        self.command(
            "TPM2_NV_DefineSpace",
            NV_DEFINE_SPACE,
            &[PLATFORM],
            true,
            &parameters,
        )?;
        for (number, piece) in data.chunks(NV_BUFFER).enumerate() {
            let offset = u16::try_from(number * NV_BUFFER)?.to_be_bytes();
            let parameters = [&sized(piece)?[..], &offset].concat();
            self.command(
                "TPM2_NV_Write",
                NV_WRITE,
                &[PLATFORM, index],
                true,
                &parameters,
            )?;
        }
        if lock {
            self.command(
                "TPM2_NV_WriteLock",
                NV_WRITE_LOCK,
                &[PLATFORM, index],
                true,
                &[],
            )?;
        }
        Ok(())
    }

    /// Every bank: its hash and how many bytes select its PCRs.
    pub(super) fn banks(&mut self) -> Result<Vec<(u16, u8)>> {
        // TPM_CAP_PCRS, from the first, up to 64.
        let parameters = [0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 64];
        let answer = self.command(
            "TPM2_GetCapability",
            GET_CAPABILITY,
            &[],
            false,
            &parameters,
        )?;
        let mut reader = Reader(&answer);
        reader.take(5)?;
        let mut banks = Vec::new();
        for _ in 0..reader.word()? {
            let head = reader.take(3)?;
            banks.push((u16::from_be_bytes([head[0], head[1]]), head[2]));
            reader.take(usize::from(head[2]))?;
        }
        Ok(banks)
    }

    /// Chooses the banks: hash, bytes, whether it is active. Counts from the next start.
    pub(super) fn allocate(&mut self, banks: &[(u16, u8, bool)]) -> Result<()> {
        let mut parameters = u32::try_from(banks.len())?.to_be_bytes().to_vec();
        for (hash, bytes, active) in banks {
            parameters.extend(hash.to_be_bytes());
            parameters.push(*bytes);
            let select = if *active { 0xff } else { 0 };
            parameters.extend(std::iter::repeat_n(select, usize::from(*bytes)));
        }
        let answer = self.command(
            "TPM2_PCR_Allocate",
            PCR_ALLOCATE,
            &[PLATFORM],
            true,
            &parameters,
        )?;
        // The parameters' length, then TPMI_YES_NO.
        match answer.get(4) {
            Some(1) => Ok(()),
            _ => bail!("TPM2_PCR_Allocate failed: the TPM has no room for these banks"),
        }
    }

    /// TPM2_Shutdown(CLEAR).
    pub(super) fn shutdown(&mut self) -> Result<()> {
        self.command("TPM2_Shutdown", SHUTDOWN, &[], false, &[0, 0])?;
        Ok(())
    }
}

/// A TPM2B.
pub(super) fn sized(data: &[u8]) -> Result<Vec<u8>> {
    let len = u16::try_from(data.len()).context("a structure is too long")?;
    Ok([&len.to_be_bytes()[..], data].concat())
}

/// Reads what a TPM answered.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len).context("a short answer")?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn half(&mut self) -> Result<u16> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn word(&mut self) -> Result<u32> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    pub(super) fn sized(&mut self) -> Result<&'a [u8]> {
        let len = self.half()?;
        self.take(usize::from(len))
    }
}
