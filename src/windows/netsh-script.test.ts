// netsh and ipsecpol as administrators of Windows wrote them.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { seededRandom } from '../base/random.ts'
import { emptyPolicy } from './connection-security-rules.ts'
import { writeIpsecpol } from './ipsecpol-write.ts'
import { emptyNetshState, runNetshLine, runNetshScript } from './netsh-script.ts'
import type { NetshState } from './netsh-state.ts'
import { writeNetsh } from './netsh-write.ts'
import { credentialOf } from './policy-blob-parts.ts'
import { objectOf, objectsOf, type PolicyStore } from './policy-objects.ts'
import { readWindowsPolicy } from './read-windows-policy.ts'
import { toPolicy } from './to-policy.ts'

const world = () => ({ random: seededRandom(7), now: 1_100_000_000, host: 'DC1' })
const start = { state: emptyNetshState, rules: emptyPolicy }
const run = (text: string, state: NetshState = emptyNetshState) =>
  runNetshScript(text, 'a.bat', { ...start, state }, world())
const errors = (problems: readonly { severity: string; where: string; what: string }[]) =>
  problems.filter(({ severity }) => severity === 'error').map(({ where, what }) => `${where} ${what}`)

function fine(text: string): PolicyStore {
  const { problems, state } = run(text)
  assert.deepEqual(errors(problems), [])
  return state.stores.local
}

/** What a store says, without GUIDs and times. */
function meaning(store: PolicyStore): readonly string[] {
  const name = (kind: 'negotiation' | 'filter-list', id: string | undefined) => objectOf(store, kind, id)?.name
  const bare = JSON.stringify(
    store.objects.map(({ id: _, owners: __, whenChanged: ___, ...rest }) =>
      rest.kind === 'rule'
        ? {
            ...rest,
            negotiation: name('negotiation', rest.negotiation),
            filterLists: rest.filterLists.map(id => name('filter-list', id)),
            content: {
              ...rest.content,
              authentication: rest.content.authentication.map((one, at) => {
                const proof = credentialOf(one)
                const flags = rest.content.extension?.flags?.values[at] ?? 0
                return { ...proof, flags, secret: proof.kind === 'pre-shared-key' ? proof.secret.reveal() : '' }
              }),
            },
          }
        : rest.kind === 'policy'
          ? { ...rest, isakmp: '', rules: rest.rules.map(id => objectOf(store, 'rule', id)?.name ?? '') }
          : rest,
    ),
    (key, value: unknown) =>
      ['id', 'instance', 'extension'].includes(key) ? undefined : value instanceof Uint8Array ? value.toHex() : value,
  )
  return (JSON.parse(bare) as unknown[]).map(one => JSON.stringify(one)).toSorted()
}

const twoHosts = String.raw`@echo off
rem Everything between two hosts is secured.
netsh ipsec static add policy name="Two hosts" desc="Between DCs" mmsec="3DES-SHA1-3 3DES-SHA1-2" mmlife=60 act=no poll=5
netsh ipsec stat add filterl "Both"
netsh ipsec static add filter filterlist=Both srcaddr=me dstaddr=10.99.0.2 desc="to the \"other\"" mir=yes
netsh ipsec static add filteraction name=Require qmpfs=yes soft=no inpass=no qmsec="ESP[3DES,SHA1]:100000k/3600s AH[MD5]+ESP[DES,MD5]"
netsh ipsec static add rule name="Secure" policy="Two hosts" filterlist=Both filteraction=Require psk="100%% secret \"x\\" kerberos=yes ^
  rootca="C=US, O=\'Acme\', CN=Root certmap:no excludecaname:yes"
netsh ipsec static set policy name="Two hosts" assign=y
`

test('a script of netsh makes the objects of Windows, words shortened and quoted as netsh takes them', () => {
  const store = fine(twoHosts)
  const [policy] = objectsOf(store, 'policy')
  assert.equal(policy!.name, 'Two hosts')
  assert.equal(policy!.content.pollingSeconds, 300)
  assert.equal(store.assigned, policy!.id)
  const [rule] = objectsOf(store, 'rule').filter(({ name }) => name === 'Secure')
  const proofs = rule!.content.authentication.map(one => credentialOf(one))
  assert.deepEqual(
    proofs.map(({ kind }) => kind),
    ['pre-shared-key', 'kerberos', 'certificate'],
  )
  assert.equal(proofs[0]?.kind === 'pre-shared-key' && proofs[0].secret.reveal(), String.raw`100% secret "x\ `.trim())
  assert.equal(proofs[2]?.kind === 'certificate' && proofs[2].authority, 'C=US, O="Acme", CN=Root')
  assert.deepEqual(rule!.content.extension?.flags?.values, [0, 0, 2])
  const [filter] = objectsOf(store, 'filter-list')[0]!.content.filters
  assert.equal(filter!.description, 'to the "other"')
  const translated = toPolicy(store)
  assert.ok(translated.ok)
  assert.deepEqual(translated.value.policy.rules[0]!.security, ['esp-3des-sha1', 'ah-md5+esp-des-md5'])
  assert.equal(translated.value.policy.rules[0]!.freshKeys, true)
  assert.deepEqual(translated.value.policy.ike, {
    security: ['3des-sha1-modp2048', '3des-sha1-modp1024'],
    lifetime: { seconds: 3600 },
  })
})

test('what was made is written as netsh and made again the same', () => {
  const store = fine(twoHosts)
  const written = writeNetsh(store)
  assert.deepEqual(written.losses, [])
  const again = fine(written.text)
  assert.deepEqual(meaning(again), meaning(store))
  assert.equal(writeNetsh(again).text, written.text)
})

test('every address that netsh knows comes back from what is written', () => {
  const sides = [
    'me',
    'any',
    'dns',
    'gateway',
    '10.0.0.1',
    '10.1.0.0 srcmask=16',
    '10.0.0.1-10.0.0.9',
    'fd00::1',
    'fd00:: srcmask=32',
    '10.1.2.3 srcmask=255.0.255.0',
  ]
  const text = [
    'netsh ipsec static add filterlist name=L',
    ...sides.map(
      (side, at) =>
        `netsh ipsec static add filter filterlist=L dstaddr=me srcaddr=${side} description=d${at} protocol=udp srcport=${at} mirrored=no`,
    ),
  ].join('\n')
  const store = fine(text)
  const written = writeNetsh(store)
  assert.deepEqual(written.losses, [])
  const again = fine(written.text)
  assert.deepEqual(meaning(again), meaning(store))
  assert.equal(written.text.match(/add filter /g)!.length, sides.length)
})

test('what means nothing is said with its line, and control flow is not guessed', () => {
  const { problems } = run(
    'netsh ipsec static add polcy name=x\nnetsh ipsec static add policy nme=x\n\nnetsh interface show\nif exist x goto y\nping host\nnetsh ipsec static add rule name=r policy=p filterlist=f filteraction=a\nnetsh ipsec static exportpolicy file=x\nnetsh ipsec static add filter filterlist=%LIST% srcaddr=me dstaddr=any\nnetsh ipsec static add filter filterlist=L srcaddr=me dstaddr=10.0.0.256',
  )
  const lines = problems.map(({ where }) => where)
  for (const line of [1, 2, 4, 5, 6, 7, 8, 9, 10])
    assert.ok(lines.includes(`a.bat:${line}`), `line ${line} ${JSON.stringify(problems)}`)
})

test('a script for netsh -f opens contexts, and leaves them', () => {
  const text =
    'pushd ipsec static\nadd policy name=P\nadd filterlist name=L\npopd\nipsec\ndynamic\nset config ipsecexempt 3\n..\nstatic set policy P assign=yes\nexit\nnonsense'
  const { problems, state } = run(text)
  assert.deepEqual(problems, [])
  assert.equal(objectsOf(state.stores.local, 'policy')[0]!.id, state.stores.local.assigned)
  assert.equal(state.config['ipsecexempt'], 3)
})

test('an empty value in quotes does not take the next word', () => {
  const store = fine('netsh ipsec static add filteraction name=A description="" action=block')
  assert.equal(objectsOf(store, 'negotiation')[0]!.name, 'A')
  assert.equal(objectsOf(store, 'negotiation')[0]!.content.offers.length, 0)
})

test('what a rule uses is not deleted; a policy takes its own parts with it', () => {
  const { state } = run(twoHosts)
  const refused = run('netsh ipsec static delete filterlist name=Both', state)
  assert.match(errors(refused.problems).join(), /rules use it: "Secure"/)
  const gone = run(
    'netsh ipsec static delete policy "two hosts"\nnetsh ipsec static del filterl Both\nnetsh ipsec static del filtera all',
    state,
  )
  assert.deepEqual(gone.problems, [])
  assert.deepEqual(gone.state.stores.local.objects, [])
  assert.equal(gone.state.stores.local.assigned, undefined)
})

test('set changes what it names and nothing else', () => {
  const { state } = run(twoHosts)
  const { problems, state: next } = run(
    'netsh ipsec static set rule name=Secure policy="Two hosts" newname=S2 tunnel=192.0.2.1 conntype=lan activate=no psk=other\nnetsh ipsec static set filteraction name=Require inpass=yes soft=yes\nnetsh ipsec static set defaultrule policy="Two hosts" activate=yes psk=k\nnetsh ipsec static set policy "Two hosts" mmpfs=yes assign=no\nnetsh ipsec static delete filter filterlist=Both srcaddr=me dstaddr=10.99.0.2',
    state,
  )
  assert.deepEqual(problems, [])
  const store = next.stores.local
  assert.equal(store.assigned, undefined)
  const rule = objectsOf(store, 'rule').find(({ name }) => name === 'S2')!
  assert.equal(rule.content.isTunnel, 1)
  assert.equal(rule.content.isActive, 0)
  assert.equal(rule.content.authentication.length, 1)
  assert.equal(objectsOf(store, 'isakmp')[0]!.content.quickModeLimit, 1)
  assert.equal(objectsOf(store, 'filter-list')[0]!.content.filters.length, 0)
  const written = writeNetsh(store)
  assert.deepEqual(meaning(fine(written.text)), meaning(store))
})

test('show prints netsh’s labels, and never a key', () => {
  const { state } = run(twoHosts)
  const { output, problems } = run(
    'netsh ipsec static show all\nnetsh ipsec static show policy all\nnetsh ipsec static show rule all policy="Two hosts" level=verbose\nnetsh ipsec static show filterlist Both level=verbose format=table',
    state,
  )
  assert.deepEqual(problems, [])
  for (const label of [
    'Policy Name            : Two hosts',
    'Assigned               : YES',
    'Source IP Address      : <My IP Address>',
    'Action                 : NEGOTIATE SECURITY',
    'PRESHARED KEY',
    '3DES SHA1 DH2048(3)',
    'Store                  : Local Store <DC1>',
  ])
    assert.ok(output.includes(label), `${label}\n${output}`)
  assert.ok(!output.includes('secret'))
  assert.match(run('netsh ipsec static show all').problems[0]!.what, /ERR IPsec\[05072\]/)
})

test('rules of the dynamic context are added, changed and deleted', () => {
  const text = `netsh ipsec dynamic add mmpolicy name=mm mmsecmethods="3DES-SHA1-2"
netsh ipsec dynamic add qmpolicy name=qm qmsec="ESP[3DES,SHA1]:3600s" pfsgroup=GRPMM
netsh ipsec dynamic add rule srca=me dsta=10.0.0.2 mmp=mm qmp=qm psk=x actionin=permit actionout=negotiate
netsh ipsec dynamic set rule srca=me dsta=10.0.0.2 kerberos=yes
netsh ipsec dynamic set qmpolicy name=qm soft=yes
netsh ipsec dynamic add rule srca=me dsta=10.0.0.3 actionin=block actionout=block
netsh ipsec dynamic delete rule srca=me dsta=10.0.0.3
netsh ipsec dynamic show all`
  const { state, problems } = run(text)
  assert.deepEqual(problems, [])
  const { dynamic } = state.stores
  const [policy] = objectsOf(dynamic, 'policy')
  const translated = toPolicy(dynamic, { policy: policy!.id })
  assert.ok(translated.ok)
  const [rule] = translated.value.policy.rules
  assert.equal(rule!.acceptUnsecuredInbound, true)
  assert.equal(rule!.fallBackToClear, true)
  assert.equal(rule!.authentication[0]!.kind, 'kerberos')
  assert.equal(objectsOf(dynamic, 'policy').length, 1)
})

test('ipsecpol makes policies of the registry, and takes them away', () => {
  const text = `ipsecpol -w REG -p "MyPol" -y -o
ipsecpol -w REG -p "MyPol" -r "Blocker" -n BLOCK -x -f 0+*
ipsecpol -w REG -p "MyPol:30" -r "GoHTTP"  -n PASS  -x -f 0:80+*::TCP 144.92.*.*:5=10.0.0.0/255.0.0.0:53:UDP
ipseccmd -w reg -p MyPol -r S -f 0=10.0.0.2 -n ESP[3DES,SHA]3600S/5000KPFS2 AH[MD5] INPASS -soft -a PRESHARE:"k 1" K -lan -1s 3DES-SHA-2 -1k 10Q/3600S`
  const { state, problems } = run(text)
  assert.deepEqual(errors(problems), [])
  const store = state.stores.local
  assert.deepEqual(
    objectsOf(store, 'rule').map(({ name }) => name),
    ['Blocker', 'GoHTTP', 'S'],
  )
  const written = writeIpsecpol(store)
  assert.deepEqual(written.losses, [])
  const again = run(written.text)
  assert.deepEqual(errors(again.problems), [])
  assert.deepEqual(meaning(again.state.stores.local), meaning(store))
  assert.deepEqual(
    meaning(fine(writeNetsh(store).text)).length,
    meaning(store).length + 2,
    'netsh adds a default response',
  )
  const gone = run('ipsecpol -w REG -p MyPol -y -o', state)
  assert.deepEqual(gone.state.stores.local.objects, [])
})

test('advfirewall commands of the same script go to connection security rules', () => {
  const line = runNetshLine(
    'netsh',
    ['advfirewall', 'consec', 'add', 'rule', 'name=x', 'endpoint1=any', 'endpoint2=any', 'action=requestinrequestout'],
    start,
    world(),
  )
  assert.deepEqual(line.problems, [])
  assert.equal(line.rules.rules.length, 1)
})

test('a script is read as a policy file would be, without a registry', () => {
  const read = readWindowsPolicy(new TextEncoder().encode(twoHosts), { where: 'x.bat' })
  assert.ok(read.ok)
  assert.equal(read.value.form, 'ipsec-script')
  assert.deepEqual(
    read.value.policy.rules.map(({ name }) => name),
    ['Secure'],
  )
  const older = readWindowsPolicy(new TextEncoder().encode('rem x\r\nipsecpol -w REG -p P -r R -f 0+* -n BLOCK'), {
    where: 'x',
  })
  assert.ok(older.ok)
  assert.equal(older.value.policy.rules[0]!.action, 'block')
})

const folder = join(import.meta.dirname, '../../../shared/testdata/policy-texts')
const skip = existsSync(folder) ? false : 'skipped, because ../shared/testdata is not here'

test('scripts by others are read without a problem that matters, and written and read again the same', { skip }, () => {
  for (const group of ['kjyw', 'sec505']) {
    for (const file of readdirSync(join(folder, group)).filter(name => /\.(bat|cmd)$/.test(name))) {
      const bytes = readFileSync(join(folder, group, file))
      const isUtf8 = !bytes.toString('utf8').includes('\ufffd')
      const text = new TextDecoder(isUtf8 ? 'utf-8' : 'gbk').decode(bytes)
      const { problems, state, rules } = run(text)
      assert.deepEqual(errors(problems), [], file)
      const store = state.stores.local
      assert.ok(store.objects.length + rules.rules.length > 0, file)
      const written = writeNetsh(store)
      assert.deepEqual(written.losses, [], file)
      const again = run(written.text)
      assert.deepEqual(errors(again.problems), [], file)
      if (!/Win2000/.test(file)) assert.deepEqual(meaning(again.state.stores.local), meaning(store), file)
      assert.equal(writeNetsh(again.state.stores.local).text, written.text, file)
    }
  }
})
