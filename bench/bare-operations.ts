// What a handshake cannot do without: the bare operations on public keys of both sides, on keys that are there already, by
// node:crypto. The rest of a handshake's time is work around them.
import * as crypto from 'node:crypto'

const message = new Uint8Array(600).fill(7)

/** Both make a key pair and the secret. */
export function agreeByX25519(): void {
  const pairs = [0, 1].map(() => crypto.generateKeyPairSync('x25519'))
  for (const [index, { privateKey }] of pairs.entries()) {
    crypto.diffieHellman({ privateKey, publicKey: pairs[1 - index]!.publicKey })
  }
}

export function agreeByMlKem(): void {
  const { publicKey, privateKey } = crypto.generateKeyPairSync('ml-kem-768')
  const { ciphertext } = crypto.encapsulate(publicKey)
  crypto.decapsulate(privateKey, ciphertext)
}

const { publicKey, privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'prime256v1' })

/** Both sign, and check the other's signature; the certificate's own is known from earlier handshakes. */
export function proveByEcdsa(): void {
  for (const _ of [0, 1]) crypto.verify('sha256', message, publicKey, crypto.sign('sha256', message, privateKey))
}
