//! Who makes or keeps passkeys: the names of providers and models, by the AAGUID that an authenticator tells at registration.
//!
//! Nothing proves that number, so the name is only ever shown, and decides nothing.

/// The providers and models that people are likely to have, in the order of their names.
const KNOWN: [(u128, &str); 21] = [
    (0xbada5566_a7aa_401f_bd96_45619a55120d, "1Password"),
    (0xfbfc3007_154e_4ecc_8c0b_6e020557d7bd, "Apple Passwords"),
    (0xd548826e_79b4_db40_a3d8_11116f7e8349, "Bitwarden"),
    (0xadce0002_35bc_c60a_648b_0b25f1f05503, "Chrome on Mac"),
    (0x531126d6_e717_415c_9320_3d9aa6981239, "Dashlane"),
    (0xea9b8d66_4d01_1d21_3ce4_b6b48cb575d4, "Google Password Manager"),
    (0xdd4ec289_e01d_41c9_bb89_70fa845d4bf2, "iCloud Keychain (managed)"),
    (0xfdb141b2_5d84_443e_8a35_4698c205a502, "KeePassXC"),
    (0x0ea242b4_43c4_4a1b_8b17_dd6d0b6baec6, "Keeper"),
    (0x771b48fd_d3d4_4f74_9232_fc157ab0507a, "Microsoft Edge on Mac"),
    (0xb84e4048_15dc_4dd0_8640_f4f60813c8af, "NordPass"),
    (0x50726f74_6f6e_5061_7373_50726f746f6e, "Proton Pass"),
    (0x53414d53_554e_4700_0000_000000000000, "Samsung Pass"),
    (0x08987058_cadc_4b81_b6e1_30de50dcbe96, "Windows Hello"),
    (0x6028b017_b1d4_4c02_b4b3_afcdafc96bb2, "Windows Hello"),
    (0x9ddd1817_af5a_4672_a2b9_3e3dd95000a9, "Windows Hello"),
    (0xcb69481e_8ff7_4039_93ec_0a2729a154a8, "YubiKey 5"),
    (0xee882879_721c_4913_9775_3dfcce97072a, "YubiKey 5"),
    (0xc5ef55ff_ad9a_4b9f_b580_adebafe026d0, "YubiKey 5 with Lightning"),
    (0x2fc0579f_8113_47ea_b116_bb5a8db9202a, "YubiKey 5 with NFC"),
    (0xfa2b99dc_9e39_4257_8f92_4a30d23c4118, "YubiKey 5 with NFC"),
];

/// The provider or model with this AAGUID. Those that don't want to be told apart send zeros, which name nobody.
pub fn name(aaguid: &[u8; 16]) -> Option<&'static str> {
    let number = u128::from_be_bytes(*aaguid);
    KNOWN.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// What a new passkey is called unless its owner says otherwise: by its provider, with a number where there is one of that
/// name already.
pub fn default_name(aaguid: &[u8; 16], others: &[&str]) -> String {
    let base = name(aaguid).unwrap_or("Passkey");
    let numbered = |number: usize| if number == 1 { base.to_owned() } else { format!("{base} {number}") };
    let mut number = 1;
    while others.contains(&numbered(number).as_str()) {
        number += 1;
    }
    numbered(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_entry_is_there_once() {
        let numbers: BTreeSet<u128> = KNOWN.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers.len(), KNOWN.len());
    }

    #[test]
    fn who_is_known_is_named_and_nobody_else() {
        assert_eq!(name(b"ProtonPassProton"), Some("Proton Pass"));
        assert_eq!(name(&[0; 16]), None);
        assert_eq!(name(b"a story's device"), None);
    }

    #[test]
    fn a_passkey_is_called_by_its_provider_and_numbered_where_names_meet() {
        let proton = b"ProtonPassProton";
        assert_eq!(default_name(proton, &[]), "Proton Pass");
        assert_eq!(default_name(proton, &["Passkey"]), "Proton Pass");
        assert_eq!(default_name(proton, &["Proton Pass", "Proton Pass 2"]), "Proton Pass 3");
        assert_eq!(default_name(proton, &["Proton Pass 2"]), "Proton Pass");
        assert_eq!(default_name(&[0; 16], &["Passkey"]), "Passkey 2");
    }

    #[test]
    fn every_provider_can_be_the_name_of_a_passkey() {
        for (_, name) in KNOWN {
            assert!(crate::domain::text::PasskeyName::parse(name).is_ok(), "{name}");
        }
    }
}
