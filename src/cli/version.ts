// The version that sealwire says it is, and since when; a test compares it with package.json.
export const VERSION = '0.1.0'
/** The manual pages carry it. */
export const VERSION_DATE = '2026-11-23'
