// OpenSSL's EVP interface through koffi: the library that Node itself was built with, whose symbols the executable
// exports. A second OpenSSL of the system is never loaded: its calls would bind to Node's symbols of another version.
// Pointers are plain numbers here, which is what costs least per call.
import { foreign } from './foreign.ts'
import { allocateMemory, Memory } from './memory.ts'

export type Address = number

export interface LibCrypto {
  readonly version: string
  /** OpenSSL's own object for a cipher, fetched once and kept; 0 where this OpenSSL lacks it. */
  fetchCipher(name: string): Address
  newCipherContext(): Address
  /** Wipes the key in it. */
  freeCipherContext(context: Address): void
  /** `encipher` 1 or 0, or -1 for as before; an address of 0 leaves that part as it is. Like all of these, 1 is success. */
  initCipher(
    context: Address,
    cipher: Address,
    key: Address,
    iv: Address,
    encipher: number,
    parameters: Address,
  ): number
  update(context: Address, to: Address, written: Address, from: Address, length: number): number
  final(context: Address, to: Address, written: Address): number
  control(context: Address, command: number, argument: number, pointer: Address): number
  setPadding(context: Address, padding: number): number
  /** An HMAC with its key; 0 where this OpenSSL lacks the hash. */
  newHmac(hash: string, key: Uint8Array): Address
  freeMac(context: Address): void
  /** With 0 for key and parameters: starts over under the same key. */
  initMac(context: Address, key: Address, keyBytes: number, parameters: Address): number
  updateMac(context: Address, from: Address, length: number): number
  finalMac(context: Address, to: Address, written: Address, room: number): number
}

/** Commands of EVP_CIPHER_CTX_ctrl that every combined mode knows (openssl/evp.h). */
export const SET_IV_LENGTH = 0x9
export const GET_TAG = 0x10
export const SET_TAG = 0x11

/** OSSL_PARAM: pointer to a name, kind, pointer to a value, octets of it, octets used; a list ends with zeros. */
const PARAMETER_BYTES = 40
const TEXT = 4

/** undefined where koffi is missing, or where Node was built without OpenSSL's names. */
export function libCrypto(): LibCrypto | undefined {
  const koffi = foreign()
  if (koffi === undefined) return undefined
  try {
    const library = koffi.load(null)
    const textOf = library.func('const char *OpenSSL_version(int)')
    const fetchCipher = library.func('uintptr_t EVP_CIPHER_fetch(uintptr_t, const char *, uintptr_t)')
    const fetchMac = library.func('uintptr_t EVP_MAC_fetch(uintptr_t, const char *, uintptr_t)')
    const newMac = library.func('uintptr_t EVP_MAC_CTX_new(uintptr_t)')
    const freeMac = library.func('void EVP_MAC_CTX_free(uintptr_t)')
    const initMac = library.func('int EVP_MAC_init(uintptr_t, uintptr_t, size_t, uintptr_t)')
    const hmac = fetchMac(0, 'HMAC', 0) as Address
    return {
      version: /^OpenSSL (\S+)/.exec(textOf(0) as string)?.[1] ?? 'of an unknown version',
      fetchCipher: name => fetchCipher(0, name, 0) as Address,
      newCipherContext: library.func('uintptr_t EVP_CIPHER_CTX_new()'),
      freeCipherContext: library.func('void EVP_CIPHER_CTX_free(uintptr_t)'),
      initCipher: library.func('int EVP_CipherInit_ex2(uintptr_t, uintptr_t, uintptr_t, uintptr_t, int, uintptr_t)'),
      update: library.func('int EVP_CipherUpdate(uintptr_t, uintptr_t, uintptr_t, uintptr_t, int)'),
      final: library.func('int EVP_CipherFinal_ex(uintptr_t, uintptr_t, uintptr_t)'),
      control: library.func('int EVP_CIPHER_CTX_ctrl(uintptr_t, int, int, uintptr_t)'),
      setPadding: library.func('int EVP_CIPHER_CTX_set_padding(uintptr_t, int)'),
      newHmac(hash, key) {
        const context = hmac === 0 ? 0 : (newMac(hmac) as Address)
        if (context === 0) return 0
        const parameters = digestParameters(hash)
        const own = new Memory(Uint8Array.from(key))
        const isKeyed = initMac(context, own.address, key.length, parameters.address) === 1
        own.bytes.fill(0)
        if (isKeyed) return context
        freeMac(context)
        return 0
      },
      freeMac,
      initMac,
      updateMac: library.func('int EVP_MAC_update(uintptr_t, uintptr_t, size_t)'),
      finalMac: library.func('int EVP_MAC_final(uintptr_t, uintptr_t, uintptr_t, size_t)'),
    }
  } catch {
    return undefined
  }
}

/** The list of one parameter, `digest`; texts and list lie in the one memory that is answered. */
function digestParameters(hash: string): Memory {
  const list = allocateMemory(2 * PARAMETER_BYTES + 64)
  const name = 2 * PARAMETER_BYTES
  const value = name + 16
  list.bytes.set(Buffer.from('digest'), name)
  list.bytes.set(Buffer.from(hash), value)
  const view = new DataView(list.bytes.buffer, list.bytes.byteOffset)
  view.setBigUint64(0, BigInt(list.address + name), true)
  view.setUint32(8, TEXT, true)
  view.setBigUint64(16, BigInt(list.address + value), true)
  view.setBigUint64(24, BigInt(hash.length), true)
  return list
}
