// What Linux calls the algorithms that security methods name, as `ip xfrm` writes them (include/uapi/linux/xfrm.h leaves names to the
// kernel's crypto API; ip-xfrm(8) lists them).

export const kernelCiphers = {
  null: 'ecb(cipher_null)',
  'aes-cbc': 'cbc(aes)',
  'aes-ctr': 'rfc3686(ctr(aes))',
  '3des-cbc': 'cbc(des3_ede)',
  'des-cbc': 'cbc(des)',
  'aes-gcm': 'rfc4106(gcm(aes))',
  'aes-ccm': 'rfc4309(ccm(aes))',
  'aes-gmac': 'rfc4543(gcm(aes))',
  'chacha20-poly1305': 'rfc7539esp(chacha20,poly1305)',
} as const

export const kernelMacs = {
  'hmac-md5': 'hmac(md5)',
  'hmac-sha1': 'hmac(sha1)',
  'hmac-sha2-256': 'hmac(sha256)',
  'hmac-sha2-384': 'hmac(sha384)',
  'hmac-sha2-512': 'hmac(sha512)',
  'aes-xcbc': 'xcbc(aes)',
  'aes-cmac': 'cmac(aes)',
} as const

export function kernelCipherName(name: string): string | undefined {
  return Object.hasOwn(kernelCiphers, name) ? kernelCiphers[name as keyof typeof kernelCiphers] : undefined
}

/** AES-GMAC, which AH may have, is no integrity algorithm of the kernel's. */
export function kernelMacName(name: string): string | undefined {
  return Object.hasOwn(kernelMacs, name) ? kernelMacs[name as keyof typeof kernelMacs] : undefined
}
