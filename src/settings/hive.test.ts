// Hives against an independent reader on every key and value, dirty ones against what Windows itself made of them, damaged
// ones without harm; policy files and templates. The files are others'; the generated ones have values chosen for this.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { testdata, testdataMissing } from '../../test/truth/compare-truth.ts'
import { seededRandom } from '../base/random.ts'
import { mounted, mountPointOf, readHive } from './hive.ts'
import { marvin32 } from './hive-log.ts'
import { keyAt, keysFrom, type RegistryKey, valueAt } from './registry.ts'
import { readRegistrySource } from './registry-source.ts'
import { numberOf, textOf, textsOf, typeName } from './value.ts'

const skip = testdataMissing === '' ? false : `skipped, because ${testdataMissing}`
const folder = join(testdata, 'registry')

function bytesOf(path: string): Uint8Array {
  if (!path.endsWith('.xz')) return Uint8Array.from(readFileSync(path))
  const { stdout, status } = spawnSync('xz', ['-dc', path], { maxBuffer: 2 ** 28 })
  assert.equal(status, 0, `xz cannot unpack ${path}`)
  return Uint8Array.from(stdout)
}

function hives(): readonly string[] {
  const unpacked = readdirSync(join(folder, 'hives-made')).map(name => join(folder, 'hives-made', name))
  const packed = readdirSync(join(folder, 'hives'), { recursive: true, encoding: 'utf8' })
  return [
    ...unpacked,
    ...packed
      .filter(name => name.endsWith('.xz') && !/log[12]?\.xz$/i.test(name))
      .map(name => join(folder, 'hives', name)),
  ]
}

function rootOf(bytes: Uint8Array, logs: readonly Uint8Array[] = []): RegistryKey {
  const read = readHive(bytes, { where: 'hive', logs })
  assert.ok(read.ok, JSON.stringify(read))
  return read.value.root
}

/** What reglookup prints: path, type, words of the value; octets outside ASCII as %XX, in UTF-8 where it is text. */
function independent(file: string): ReadonlyMap<string, readonly [type: string, value: string]> {
  const { stdout } = spawnSync('reglookup', ['-H', file], {
    maxBuffer: 2 ** 28,
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  })
  const found = new Map<string, readonly [string, string]>()
  for (const line of Buffer.from(stdout).toString('latin1').split('\n')) {
    const [path, type, ...rest] = line.split(',')
    if (path !== undefined && type !== undefined)
      found.set(`${type === 'KEY'} ${unescaped(path)}`, [type, rest.slice(0, -1).join(',')])
  }
  return found
}

function unescaped(text: string): string {
  const octets = text.replaceAll(/%([0-9A-F]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )
  return Buffer.from(octets, 'latin1').toString('utf8')
}

const shortNames: Readonly<Record<string, string>> = {
  REG_SZ: 'SZ',
  REG_EXPAND_SZ: 'EXPAND_SZ',
  REG_BINARY: 'BINARY',
  REG_DWORD: 'DWORD',
  REG_DWORD_BIG_ENDIAN: 'DWORD_BE',
  REG_LINK: 'LINK',
  REG_MULTI_SZ: 'MULTI_SZ',
  REG_NONE: 'NONE',
  REG_QWORD: 'QWORD',
}

/** Hives that the other reader cannot read, or reads with keys that are deleted or have no place. */
const otherFails = new Set([
  'SAMBadHBinHeader',
  'corrupted_system_hive',
  'TruncatedDirtyHive',
  'USER.DAT',
  'BadSubkeyHive',
  'DuplicateSubkeysHive',
  'SAM_DUPENAME',
  'TruncatedHiveBin',
])

test('every key and value of every whole hive is what reglookup finds', { skip }, context => {
  if (spawnSync('reglookup', []).error !== undefined) return context.skip('because reglookup is not installed')
  const place = mkdtempSync(join(tmpdir(), 'sealwire-hives-'))
  context.after(() => rmSync(place, { recursive: true }))
  let keys = 0
  let values = 0
  for (const path of hives()) {
    const name = basename(path, '.xz')
    if (otherFails.has(name)) continue
    const bytes = bytesOf(path)
    const file = join(place, 'hive')
    writeFileSync(file, bytes)
    const theirs = independent(file)
    const missing: string[] = []
    for (const { path: at, key } of keysFrom(rootOf(bytes), '')) {
      const shown = `/${at.replaceAll('/', '\u0000').replaceAll('\\', '/').replaceAll('\u0000', '/')}`
      keys++
      // It writes names outside ASCII as octets in no fixed form: those are counted alone.
      if (!isPlain(shown)) continue
      if (!theirs.has(`true ${shown}`)) missing.push(`key ${shown}`)
      for (const value of key.values) {
        values++
        if (!isPlain(value.name)) continue
        const found = theirs.get(`false ${shown}/${value.name}`)
        const type = typeName(value.type)
        // It writes texts of a wrong length and odd types in ways of its own: there the type alone is compared.
        if (found === undefined) missing.push(`value ${shown}/${value.name}`)
        else if (type !== undefined && shortNames[type] !== undefined && found[0] !== shortNames[type])
          missing.push(`type ${shown}/${value.name}: ${found[0]}`)
        else if (type === 'REG_DWORD' && value.data.length === 4 && Number(found[1]) !== numberOf(value))
          missing.push(`number ${shown}/${value.name}`)
        else if (
          type === 'REG_SZ' &&
          value.data.length % 2 === 0 &&
          isPlain(textOf(value)!) &&
          !unescaped(found[1]).startsWith(textOf(value) ?? '')
        )
          missing.push(`text ${shown}/${value.name}`)
        else if (type === 'REG_BINARY' && octetsWritten(found[1]) !== value.data.toHex())
          missing.push(`octets ${shown}/${value.name}`)
      }
    }
    assert.deepEqual(missing.slice(0, 5), [], `${name}: ${missing.length}`)
    const ours = [...keysFrom(rootOf(bytes), '')]
    const count = (isKey: boolean) =>
      [...theirs.keys()].filter(one => one.startsWith(`${isKey} `) && one !== 'false PATH').length
    assert.equal(ours.length, count(true), `${name}: keys`)
    assert.equal(
      ours.reduce((sum, { key }) => sum + key.values.length, 0),
      count(false),
      `${name}: values`,
    )
  }
  context.diagnostic(`${keys} keys and ${values} values`)
  assert.ok(keys > 20_000 && values > 50_000)
})

function isPlain(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text)
}

/** Binary data: %XX or the character itself. */
function octetsWritten(text: string): string {
  if (text === '(null)') return ''
  return Buffer.from(
    text.replaceAll(/%([0-9A-F]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))),
    'latin1',
  ).toString('hex')
}

test('a dirty hive with its logs is what Windows 10 made of it', { skip }, () => {
  const at = (name: string) => bytesOf(join(folder, 'hives/yarp', `${name}.xz`))
  const dirty = at('NewDirtyHive1__NewDirtyHive')
  const logs = [at('NewDirtyHive1__NewDirtyHive.LOG2'), at('NewDirtyHive1__NewDirtyHive.LOG1')]
  const recovered = rootOf(at('NewDirtyHive1__RecoveredHive_Windows10'))
  assert.deepEqual(rootOf(dirty, logs), recovered)
  assert.notDeepEqual(rootOf(dirty), recovered)
  const read = readHive(dirty, { where: 'SYSTEM' })
  assert.ok(read.ok)
  assert.match(read.value.problems[0]!.what, /being written/)
  assert.match(read.value.problems[0]!.hint, /LOG1/)
})

test('logs whose own base block is damaged are left out, and a bitmap log gives the hive its base block back', {
  skip,
}, () => {
  const at = (name: string) => bytesOf(join(folder, 'hives/yarp', `${name}.xz`))
  const bad = readHive(at('BadLogHive3__BadLogHive'), {
    where: 'x',
    logs: [at('BadLogHive3__BadLogHive.LOG1'), at('BadLogHive3__BadLogHive.LOG2')],
  })
  assert.ok(bad.ok && bad.value.replayed === 0 && bad.value.problems.length === 1)
  const old = readHive(at('BadBaseBlockHive__BadBaseBlockHive'), {
    where: 'x',
    logs: [at('BadBaseBlockHive__BadBaseBlockHive.LOG1')],
  })
  assert.ok(old.ok && old.value.replayed === 1 && old.value.problems.length === 0)
})

test('of a damaged SYSTEM hive the services of IPsec are still found', { skip }, () => {
  const read = readHive(bytesOf(join(folder, 'hives/regipy/corrupted_system_hive.xz')), { where: 'SYSTEM' })
  assert.ok(read.ok)
  assert.ok(keyAt(read.value.root, 'ControlSet001\\Services\\IPSec') !== undefined)
  assert.match(read.value.problems.map(({ what }) => what).join(), /keys cannot be read/)
})

test('the setting of each made hive is what it was made with, and the current control set is the one that Select names', {
  skip,
}, () => {
  const value = (name: string) => {
    const source = readRegistrySource(bytesOf(join(folder, 'hives-made', `system-nodefaultexempt-${name}.hive`)), {
      where: name,
    })
    assert.ok(source.ok)
    const found = valueAt(source.value.root, 'HKLM\\SYSTEM\\CurrentControlSet\\Services\\IPSEC', 'NoDefaultExempt')
    return found === undefined ? undefined : numberOf(found)
  }
  assert.deepEqual(
    [value('0'), value('1'), value('3'), value('absent'), value('cs1-1-cs2-3-current2')],
    [0, 1, 3, undefined, 3],
  )
})

test('a hive is mounted by what it holds', { skip }, () => {
  const point = (path: string) => mountPointOf(rootOf(bytesOf(join(folder, path))))
  assert.equal(point('hives-made/software-ipsec-vpnease.hive')?.split('\\').at(-1), 'SOFTWARE')
  assert.equal(point('hives/regipy/SYSTEM_2.xz')?.split('\\').at(-1), 'SYSTEM')
  assert.ok(mounted(rootOf(bytesOf(join(folder, 'hives/libguestfs/minimal.xz')))) === undefined)
})

test('what is no hive is told what it is', { skip }, () => {
  const fault = (bytes: Uint8Array) => {
    const read = readRegistrySource(bytes, { where: 'file' })
    return read.ok ? '' : read.error[0]!.what
  }
  assert.match(fault(bytesOf(join(folder, 'hives/log2timeline/USER.DAT.xz'))), /Windows 95, 98 or Me/)
  assert.match(fault(new Uint8Array(0)), /no registry/)
  assert.match(fault(bytesOf(join(folder, 'hives/libguestfs/minimal.xz'))), /neither a SYSTEM nor a SOFTWARE/)
})

test('policy files and templates of real baselines are read without a fault', { skip }, () => {
  const read = (path: string) => {
    const source = readRegistrySource(bytesOf(join(folder, path)), { where: basename(path) })
    assert.ok(source.ok, path)
    return source.value
  }
  let changed = 0
  for (const name of readdirSync(join(folder, 'gpo')).filter(one => /\.pol$|\.inf$/i.test(one))) {
    const { root, problems } = read(join('gpo', name))
    // One security template of these has a value with neither type nor data that templates know.
    assert.deepEqual(
      problems.filter(({ severity }) => severity === 'error'),
      [],
      name,
    )
    changed += [...keysFrom(root, '')].reduce((sum, { key }) => sum + key.values.length, 0)
  }
  assert.ok(changed > 300, String(changed))
  const lsa = valueAt(
    read('inf/SecuritySettings.inf').root,
    'HKLM\\System\\CurrentControlSet\\Control\\Lsa',
    'RestrictAnonymous',
  )
  assert.equal(lsa === undefined ? undefined : numberOf(lsa), 1)
  const machine = valueAt(
    read('gpo/samba-backup.GptTmpl.inf').root,
    'HKLM\\System\\CurrentControlSet\\Control\\SecurePipeServers\\Winreg\\AllowedExactPaths',
    'Machine',
  )
  assert.ok(machine !== undefined && textsOf(machine)!.length > 2)
})

test('a template sets NoDefaultExempt, and a line that is none is told with its number', () => {
  const text =
    '[Unicode]\r\nUnicode=yes\r\n[System Access]\r\nMinimumPasswordLength = 8\r\n[Registry Values]\r\nMACHINE\\System\\CurrentControlSet\\Services\\IPSEC\\NoDefaultExempt=4,1\r\nMOON\\x\\y=4,1\r\nMACHINE\\x\\y=4,many\r\nwords\r\n'
  const source = readRegistrySource(new TextEncoder().encode(text), { where: 'baseline.inf' })
  assert.ok(source.ok)
  const found = valueAt(source.value.root, 'HKLM\\SYSTEM\\CurrentControlSet\\Services\\IPSEC', 'NoDefaultExempt')
  assert.equal(found === undefined ? undefined : numberOf(found), 1)
  assert.deepEqual(
    source.value.problems.map(({ where }) => where),
    ['baseline.inf:7', 'baseline.inf:8', 'baseline.inf:9'],
  )
})

test('Marvin32 is that of published answers', () => {
  // Those that .NET's own tests have for the seed 0x004fb61a001bdbcc.
  const answers: readonly (readonly [octets: string, answer: bigint])[] = [
    ['', 0x30ed35c100cd3c7dn],
    ['af', 0x48e73fc77d75ddc1n],
    ['e70f', 0xb5f6e1fc485dbff8n],
    ['37f495', 0xf0b07c789b8cf7e8n],
    ['8642dc59', 0x7008f2e87e9cf556n],
    ['153fb79826', 0xe6c08c6da2afa997n],
    ['0932e6246c47', 0x6f04bf1a5ea24060n],
    ['ab427ea8d10fc7', 0xe11847e4f0678c41n],
  ]
  for (const [octets, answer] of answers)
    assert.equal(marvin32(Uint8Array.fromHex(octets), [0x001bdbcc, 0x004fb61a]), answer, octets)
})

test('20,000 damaged hives, logs and policy files neither throw nor hang', { skip }, () => {
  const draws = seededRandom(23)
  const draw = (below: number) => Math.floor(draws.fraction() * below)
  const at = (path: string) => bytesOf(join(folder, path))
  const seeds = [
    at('hives/libguestfs/rlenvalue_test_hive.xz'),
    at('hives-made/system-nodefaultexempt-1.hive'),
    at('hives/williballenthin/UNICODE_TESTS.xz'),
    at('gpo/DoD_-_Windows_Firewall.registry.pol'),
  ]
  const logs = [at('hives/yarp/NewDirtyHive1__NewDirtyHive.LOG1.xz')]
  for (let run = 0; run < 20_000; run++) {
    const bytes = seeds[run % seeds.length]!.slice()
    const log = logs[0]!.slice()
    for (let change = 0; change <= draw(6); change++) {
      bytes[draw(bytes.length)] = draw(2) === 0 ? draw(256) : 0xff
      log[512 + draw(2000)] = draw(256)
    }
    readRegistrySource(draw(4) === 0 ? bytes.subarray(0, draw(bytes.length)) : bytes, {
      where: 'x',
      logs: run % 16 === 0 ? [log] : [],
    })
  }
})
