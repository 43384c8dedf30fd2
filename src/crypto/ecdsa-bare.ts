// ECDSA over a hash that is already made (FIPS 186-5 §6.4), which IKEv1 wants and node:crypto does not offer: it hashes
// whatever it is given. Points that come from secrets are computed by OpenSSL, in constant time; what is left of a signature
// is arithmetic on numbers that are blinded. Checking works on public values and takes the plain way.
import { createECDH, createPublicKey, type KeyObject } from 'node:crypto'
import { fillRandom } from '../base/random.ts'

interface Curve {
  /** OpenSSL's name. */
  readonly name: string
  /** Octets of a number. */
  readonly bytes: number
  readonly prime: bigint
  readonly order: bigint
}

/** The coefficient a is -3 in all of them (FIPS 186-5, SP 800-186 §3.2.1). */
const curves: readonly Curve[] = [
  {
    name: 'prime256v1',
    bytes: 32,
    prime: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  {
    name: 'secp384r1',
    bytes: 48,
    prime: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
  {
    name: 'secp521r1',
    bytes: 66,
    prime: 2n ** 521n - 1n,
    order: 2n ** 521n - 2n ** 260n + 0xa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  },
]

function curveOf({ asymmetricKeyDetails }: KeyObject): Curve | undefined {
  return curves.find(({ name }) => name === asymmetricKeyDetails?.namedCurve)
}

/** r and s side by side, each as long as the curve's numbers. Throws where the key is not of such a curve. */
export function signBare(key: KeyObject, hash: Uint8Array): Uint8Array {
  const curve = curveOf(key)
  const { d } = key.export({ format: 'jwk' })
  if (curve === undefined || d === undefined) throw new RangeError('a private key of P-256, P-384 or P-521 is needed')
  const { order, bytes } = curve
  const secret = numberOf(Uint8Array.fromBase64(d, { alphabet: 'base64url' }))
  const message = hashNumber(curve, hash)
  for (;;) {
    const once = createECDH(curve.name)
    const r = numberOf(once.generateKeys().subarray(1, 1 + bytes)) % order
    const blind = randomBelow(order, bytes)
    if (r === 0n || blind === 0n) continue
    const blindedOnce = (numberOf(once.getPrivateKey()) * blind) % order
    const blindedSum = (message * blind + ((r * blind) % order) * secret) % order
    const s = (inverse(blindedOnce, order) * blindedSum) % order
    if (s !== 0n) return octetsOfNumbers(curve, r, s)
  }
}

/** Of 64 bits more than the order has, so that the remainder is as good as evenly spread. */
function randomBelow(order: bigint, bytes: number): bigint {
  const octets = new Uint8Array(bytes + 8)
  fillRandom(octets)
  return numberOf(octets) % order
}

/** False too where the key is not of such a curve or the signature has another length. */
export function verifyBare(key: KeyObject, hash: Uint8Array, signature: Uint8Array): boolean {
  const curve = curveOf(key)
  if (curve === undefined || signature.length !== 2 * curve.bytes) return false
  const { order, bytes } = curve
  const r = numberOf(signature.subarray(0, bytes))
  const s = numberOf(signature.subarray(bytes))
  if (r === 0n || r >= order || s === 0n || s >= order) return false
  const { x, y } = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' })
  const own = { x: coordinate(x!), y: coordinate(y!) }
  const w = inverse(s, order)
  const fromKey = times(curve, (r * w) % order, own)
  const scalar = (hashNumber(curve, hash) * w) % order
  const sum = scalar === 0n ? fromKey : plus(curve, fromKey, generatorTimes(curve, scalar))
  // r is compared in projective coordinates' own terms: x is X / Z².
  if (sum.z === 0n) return false
  const inverseZ = inverse(sum.z, curve.prime)
  return modulo(sum.x * inverseZ * inverseZ, curve.prime) % order === r
}

/** As many bits in front as the order has. */
function hashNumber({ order, bytes }: Curve, hash: Uint8Array): bigint {
  return numberOf(hash.subarray(0, bytes)) % order
}

interface Point {
  readonly x: bigint
  readonly y: bigint
}

/** x is X / Z², y is Y / Z³; Z is zero for the point at infinity. */
interface Jacobian extends Point {
  readonly z: bigint
}

const INFINITY: Jacobian = { x: 1n, y: 1n, z: 0n }

function generatorTimes({ name, bytes }: Curve, scalar: bigint): Point {
  const run = createECDH(name)
  run.setPrivateKey(octetsOfNumber(scalar, bytes))
  const point = run.getPublicKey()
  return { x: numberOf(point.subarray(1, 1 + bytes)), y: numberOf(point.subarray(1 + bytes)) }
}

function times(curve: Curve, scalar: bigint, point: Point): Jacobian {
  let result = INFINITY
  for (const bit of scalar.toString(2)) {
    result = doubled(curve, result)
    if (bit === '1') result = plus(curve, result, point)
  }
  return result
}

function doubled({ prime }: Curve, { x, y, z }: Jacobian): Jacobian {
  const delta = (z * z) % prime
  const gamma = (y * y) % prime
  const beta = (x * gamma) % prime
  const alpha = modulo(3n * (x - delta) * (x + delta), prime)
  const x3 = modulo(alpha * alpha - 8n * beta, prime)
  return {
    x: x3,
    y: modulo(alpha * (4n * beta - x3) - 8n * gamma * gamma, prime),
    z: modulo((y + z) * (y + z) - gamma - delta, prime),
  }
}

function plus(curve: Curve, a: Jacobian, b: Point): Jacobian {
  const { prime } = curve
  if (a.z === 0n) return { ...b, z: 1n }
  const square = (a.z * a.z) % prime
  const h = modulo(b.x * square - a.x, prime)
  const r = modulo(b.y * square * a.z - a.y, prime)
  if (h === 0n) return r === 0n ? doubled(curve, a) : INFINITY
  const h2 = (h * h) % prime
  const h3 = (h2 * h) % prime
  const v = (a.x * h2) % prime
  const x = modulo(r * r - h3 - 2n * v, prime)
  return { x, y: modulo(r * (v - x) - a.y * h3, prime), z: (a.z * h) % prime }
}

/** By Euclid; `value` is not a multiple of the modulus, which is a prime. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b] = [modulus, modulo(value, modulus)]
  let [u, v] = [0n, 1n]
  while (b !== 0n) {
    const quotient = a / b
    ;[a, b] = [b, a - quotient * b]
    ;[u, v] = [v, u - quotient * v]
  }
  return modulo(u, modulus)
}

function modulo(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus
  return rest < 0n ? rest + modulus : rest
}

function coordinate(base64: string): bigint {
  return numberOf(Uint8Array.fromBase64(base64, { alphabet: 'base64url' }))
}

function numberOf(octets: Uint8Array): bigint {
  return octets.length === 0 ? 0n : BigInt(`0x${octets.toHex()}`)
}

function octetsOfNumber(value: bigint, bytes: number): Uint8Array {
  return Uint8Array.fromHex(value.toString(16).padStart(2 * bytes, '0'))
}

function octetsOfNumbers({ bytes }: Curve, r: bigint, s: bigint): Uint8Array {
  const octets = new Uint8Array(2 * bytes)
  octets.set(octetsOfNumber(r, bytes))
  octets.set(octetsOfNumber(s, bytes), bytes)
  return octets
}
