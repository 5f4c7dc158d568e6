//! The check sum of both protocols.

/// CRC-16 with polynomial 0x1021, from `crc` on over `bytes`. Both protocols begin with 0 and send the high
/// byte first (CRC-16/XMODEM: XMODEM/YMODEM Protocol Reference, section 7; SMP Transport Specification, "CRC
/// Details").
#[must_use]
pub fn crc16(crc: u16, bytes: &[u8]) -> u16 {
    // Bit by bit: a table would be 512 bytes, and no line is that fast.
    bytes.iter().fold(crc, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_s_check_value() {
        // CRC catalogue, CRC-16/XMODEM: check = 0x31c3 over the digits 1 to 9. Also python3:
        // binascii.crc_hqx(b"123456789", 0).
        assert_eq!(crc16(0, b"123456789"), 0x31c3);
        assert_eq!(crc16(crc16(0, b"1234"), b"56789"), 0x31c3);
        assert_eq!(crc16(0, &[]), 0);
    }
}
