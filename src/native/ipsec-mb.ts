// Intel's IPsec-MB through koffi: AES-GCM in one call a packet, in the variant for this processor. Only names that the
// library exports are used, never a place inside its manager, which moves from release to release. Many packets in one
// call (ipsec-mb-jobs.ts) are for the release whose jobs are known. x86-64 only; the library is Debian's libipsec-mb1
// and need not be there.
import { foreign } from './foreign.ts'
import { GcmJobs, JOBS_RELEASE, type JobsLibrary } from './ipsec-mb-jobs.ts'
import type { Address } from './libcrypto.ts'

export interface IpsecMb {
  readonly version: string
  /** The name of the code in use, as the library calls it. */
  readonly variant: string
  /** By key octets: 16, 24, 32. */
  readonly gcm: ReadonlyMap<number, Gcm>
  /** For many packets in one call; undefined in releases whose jobs are not known. */
  readonly jobs: GcmJobs | undefined
}

/** Arguments: key, context, to, from, length, nonce of 12 octets, aad, its length, tag, its length. */
export type GcmRun = (
  key: Address,
  context: Address,
  to: Address,
  from: Address,
  length: number,
  nonce: Address,
  aad: Address,
  aadLength: number,
  tag: Address,
  tagLength: number,
) => void

export interface Gcm {
  /** Makes the expanded key, at a multiple of 64, from the key. */
  readonly prepare: (key: Address, expanded: Address) => void
  readonly seal: GcmRun
  /** Writes the tag that it computes; comparing it is the caller's work. */
  readonly open: GcmRun
}

/** Octets of the expanded key: 15 round keys and 48 powers of the hash key, in the largest variant; rounded up. */
export const EXPANDED_KEY_BYTES = 1024
/** Octets that a call keeps notes in. */
export const CONTEXT_BYTES = 128

/** Bits of imb_get_feature_flags, the same in every release (intel-ipsec-mb.h, IMB_FEATURE_…). */
const SSE = bits(1, 2, 3, 4) // AES-NI, carry-less multiplication, conditional moves, SSE 4.2
const AVX = SSE | bits(5)
const AVX2 = AVX | bits(6, 18) // with BMI2
const AVX512 = AVX2 | bits(7, 8, 9, 10, 11) // F, DQ, CD, BW, VL
const WIDE_AES = AVX512 | bits(12, 13) // VAES, VPCLMULQDQ

/** The quickest first; `manager` and `jobs` are what the parts for jobs are called. */
const variants: readonly (readonly [name: string, needs: bigint, manager: string, jobs: string])[] = [
  ['vaes_avx512', WIDE_AES, 'avx512', 'avx512_t2'],
  ['avx512', AVX512, 'avx512', 'avx512_t1'],
  ['avx_gen4', AVX2, 'avx2', 'avx2_t1'],
  ['avx_gen2', AVX, 'avx', 'avx_t1'],
  ['sse', SSE, 'sse', 'sse_t1'],
]

const PREPARE = 'uintptr_t, uintptr_t'
const RUN = 'uintptr_t, uintptr_t, uintptr_t, uintptr_t, uint64, uintptr_t, uintptr_t, uint64, uintptr_t, uint64'

/** The library, or why it cannot be had. */
export function ipsecMb(): IpsecMb | string {
  const koffi = foreign()
  if (koffi === undefined) return 'koffi is not built for this machine'
  if (process.arch !== 'x64') return `IPsec-MB is for x86-64, and this machine is ${process.arch}`
  let library: ReturnType<typeof koffi.load>
  try {
    library = koffi.load('libIPSec_MB.so.1')
  } catch {
    return 'libIPSec_MB.so.1 is not installed (Debian has it in libipsec-mb1)'
  }
  try {
    const version = library.func('const char *imb_get_version_str()')() as string
    const features = BigInt(library.func('uint64 imb_get_feature_flags()')() as number | bigint)
    const find = (variant: string, size: number): Gcm => ({
      prepare: library.func(`void aes_gcm_pre_${8 * size}_${variant}(${PREPARE})`),
      seal: library.func(`void aes_gcm_enc_${8 * size}_${variant}(${RUN})`),
      open: library.func(`void aes_gcm_dec_${8 * size}_${variant}(${RUN})`),
    })
    for (const [variant, needs, manager, kind] of variants) {
      if ((features & needs) !== needs) continue
      const gcm = new Map([16, 24, 32].map(size => [size, find(variant, size)]))
      if (version !== JOBS_RELEASE) return { version, variant, gcm, jobs: undefined }
      const parts: JobsLibrary = {
        managerBytes: Number(library.func('uint64 imb_get_mb_mgr_size()')()),
        place: library.func('uintptr_t imb_set_pointers_mb_mgr(uintptr_t, uint64, uint32)'),
        initialize: library.func(`void init_mb_mgr_${manager}(uintptr_t)`),
        next: library.func(`uint32 get_next_burst_${kind}(uintptr_t, uint32, uintptr_t)`),
        submit: library.func(`uint32 submit_burst_nocheck_${kind}(uintptr_t, uint32, uintptr_t)`),
      }
      return { version, variant, gcm, jobs: new GcmJobs(parts) }
    }
    return 'this processor has no AES instructions'
  } catch (error) {
    return `this release of IPsec-MB lacks a function: ${error instanceof Error ? error.message : String(error)}`
  }
}

function bits(...places: readonly number[]): bigint {
  return places.reduce((sum, place) => sum | (1n << BigInt(place)), 0n)
}
