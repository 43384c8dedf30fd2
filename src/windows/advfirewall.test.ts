// netsh advfirewall: commands of batch files and scripts, what they make, and every word that is not understood.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { formatProblem } from '../base/result.ts'
import { runAdvfirewall } from './advfirewall-session.ts'
import { showGlobal, showRules } from './advfirewall-show.ts'
import { readShownGlobal, readShownRules } from './advfirewall-shown.ts'
import { writeAdvfirewall } from './advfirewall-write.ts'
import { auth1Of, quickModeOf, wellKnownSets } from './connection-security-defaults.ts'
import type { ConnectionSecurityPolicy } from './connection-security-rules.ts'

const ADD = 'netsh advfirewall consec add rule name=x endpoint1=any endpoint2=any action=requireinrequireout'

function run(text: string): ConnectionSecurityPolicy {
  const { policy, problems } = runAdvfirewall(text, 'x.cmd')
  assert.deepEqual(problems.map(formatProblem), [])
  return policy
}

test('a rule without methods takes those of Windows', () => {
  const [rule] = run(ADD).rules
  assert.equal(rule?.auth1, wellKnownSets.auth1)
  assert.equal(rule?.auth2, wellKnownSets.auth2)
  assert.equal(rule?.quickMode, wellKnownSets.quickMode)
  assert.equal(rule?.active, true)
})

test('commands may be shortened to what is unique', () => {
  const short = run('netsh adv c a r name=x endpoint1=any endpoint2=any action=requireinrequireout')
  assert.deepEqual(short, run(ADD))
})

test('lines are joined at ^, quotes keep blanks, variables that the file sets are put in', () => {
  const text =
    'set PEER=10.0.0.1\r\nnetsh advfirewall consec add rule ^\r\n  name="two words" ^\r\n  endpoint1=any endpoint2=%PEER% action=noauthentication'
  const [rule] = run(text).rules
  assert.equal(rule?.name, 'two words')
  assert.equal(rule?.endpoint2.length, 1)
})

test('comments, echo off and redirected output mean nothing; several commands stand on a line', () => {
  assert.equal(run(`@echo off\nREM netsh nothing\n:: nor this\n${ADD} >nul 2>&1 & ${ADD}`).rules.length, 2)
})

test('a script for netsh itself is read in its contexts', () => {
  const text =
    '# a comment\npushd advfirewall consec\nadvfirewall\nconsec\nadd rule name=x endpoint1=any endpoint2=any action=noauthentication\npopd'
  assert.deepEqual(
    run(text).rules.map(({ name }) => name),
    ['x'],
  )
})

test('an authority has its options, several stand between bars', () => {
  const policy = run(
    `${ADD} auth1=computercert auth1ca="CN=A, O=\\'Q\\' certmapping:yes catype:intermediate | CN=B excludecaname:yes" auth1healthcert=no`,
  )
  const proposals = auth1Of(policy, policy.rules[0]!.auth1)!.proposals
  assert.deepEqual(proposals, [
    { method: 'computer-certificate', authority: 'CN=A, O="Q"', isIntermediate: true, mapsAccount: true, other: [] },
    { method: 'computer-certificate', authority: 'CN=B', excludesAuthorityName: true, other: [] },
  ])
})

test('quick mode methods say protocols, algorithms and lifetimes', () => {
  const policy = run(
    `${ADD} qmsecmethods=ah:sha1+esp:sha1-3des+60min+100000kb,esp:aesgcm128-aesgcm128,authnoencap:md5 qmpfs=ecdhp384`,
  )
  assert.deepEqual(quickModeOf(policy, policy.rules[0]!.quickMode), {
    ...quickModeOf(policy, policy.rules[0]!.quickMode)!,
    freshKeys: 'ecdh-384',
    proposals: [
      {
        ahHash: 'sha1',
        encapsulation: 'ah+esp',
        espHash: 'sha1',
        encryption: '3des',
        minutes: 60,
        kilobytes: 100000,
        other: [],
      },
      { encapsulation: 'esp', espHash: 'aes-gmac-128', encryption: 'aes-gcm-128', other: [] },
      { encapsulation: 'none', ahHash: 'md5', other: [] },
    ],
  })
})

test('set rule changes what it names, delete rule removes it with its sets', () => {
  const keyed = `${ADD} auth1=computerpsk auth1psk=k`
  const set = run(`${keyed}\nnetsh advfirewall consec set rule name=x new enable=no name=y auth1=computerkerb`)
  assert.deepEqual(
    set.rules.map(({ name, active }) => [name, active]),
    [['y', false]],
  )
  assert.deepEqual(
    set.auth1Sets.map(({ proposals }) => proposals[0]?.method),
    ['computer-kerberos'],
  )
  const gone = run(`${keyed}\nnetsh advfirewall consec delete rule name=all`)
  assert.deepEqual([gone.rules, gone.auth1Sets], [[], []])
})

test('global settings and main mode are set', () => {
  const policy = run(
    'netsh advfirewall set global ipsec defaultexemptions neighbordiscovery,dhcp\nnetsh advfirewall set global ipsec saidletimemin 10\nnetsh advfirewall set global ipsec ipsecthroughnat serverbehindnat\nnetsh advfirewall set global ipsec strongcrlcheck 2\nnetsh advfirewall set global mainmode mmsecmethods dhgroup14:aes256-sha384,aes128-sha256\nnetsh advfirewall set global mainmode mmkeylifetime 60min,3sess',
  )
  assert.deepEqual(policy.settings, { exemptions: 9, idleSeconds: 600, throughNat: 1, revocation: 2 })
  assert.deepEqual(
    policy.mainModeSets.map(({ id, minutes, sessions, proposals }) => [id, minutes, sessions, proposals.length]),
    [[wellKnownSets.mainMode, 60, 3, 2]],
  )
})

const wrong: readonly (readonly [string, RegExp])[] = [
  ['netsh advfirewall consec ad rul', /x.cmd:1: .*name is missing/],
  ['netsh advfirewall s rule', /x.cmd:1: "s" may be set or show \(write more of it\)/],
  ['netsh advfirewall consek add rule', /the command "consek" is not known \(did you mean consec\?\)/],
  ['\n\nnetsh ipsec static add policy', /x.cmd:3: netsh "ipsec" is no part of advfirewall/],
  ['format c:', /x.cmd:1: "format" is no command of netsh/],
  [`${ADD} endpoint3=any`, /the parameter "endpoint3" is not known \(did you mean endpoint1\?\)/],
  [`${ADD} name=y`, /name comes twice/],
  [`${ADD} verbose`, /"verbose" is no parameter: it has no =/],
  [`${ADD} port1=http protocol=tcp`, /port1: "http" is no port/],
  [`${ADD} protocol=tpc`, /protocol: "tpc" is no protocol/],
  [`${ADD} auth1=computerkerbb`, /auth1: "computerkerbb" is no method of auth1 \(did you mean computerkerb\?\)/],
  [`${ADD} auth1=computerpsk`, /computerpsk comes without its key/],
  [`${ADD} auth1=computercert`, /a certificate comes without its authority/],
  [`${ADD} auth1psk=k`, /auth1psk: it comes without auth1/],
  [`${ADD} qmsecmethods=esp:sha3-aes128`, /"sha3" is no integrity/],
  [`${ADD} qmsecmethods=esp:sha1-aes128+1min`, /"1" is no number of 5 to 2880/],
  [`${ADD} mode=tunnel`, /a tunnel needs localtunnelendpoint and remotetunnelendpoint/],
  [`${ADD} enable=maybe`, /enable: "maybe" is neither yes nor no/],
  [`${ADD} endpoint1=%PEER%`, /"%PEER%" has no value in this file/],
  [`${ADD} "name=y`, /a quotation mark is not closed/],
  [`${ADD} | more`, /a \| hands what is printed to another program/],
  ['netsh advfirewall consec set rule name=x enable=no', /set rule says nothing new/],
  ['netsh advfirewall set global ipsec defaultexemptions dcp', /"dcp" is no value of it \(did you mean dhcp\?\)/],
  ['netsh advfirewall set global ipsec saidletimemin 1', /"1" is no value of it/],
  ['netsh advfirewall import c:\\x.wfw', /import works on a file that is not read here/],
]

for (const [text, message] of wrong) {
  test(`${JSON.stringify(text.replace(ADD, '…'))} is a problem with its line`, () => {
    assert.match(runAdvfirewall(text, 'x.cmd').problems.map(formatProblem).join('\n'), message)
  })
}

test('a published print-out is read', () => {
  const shown = `Rule Name: L2TP Rule
----------------------------------------------------------------------
Description:                          by hand
Enabled:                              Yes
Profiles:                             Private,Public
Type:                                 Dynamic
Mode:                                 Transport
InterfaceTypes:                       Any
Endpoint1:                            Any
Endpoint2:                            131.107.0.2/32
Port1:                                Any
Port2:                                1701
Protocol:                             UDP
Action:                               RequireInRequireOut
Auth1:                                ComputerCert
Auth1CAName:                          DC=com, DC=contoso, CN=CA
Auth1CertMapping:                     No
Auth1ExcludeCAName:                   No
Auth1CertType:                        Root
Auth1HealthCert:                      No
MainModeSecMethods:                   DHGroup2-AES128-SHA256, DHGroup2-3DES-SHA1
MainModeKeyLifetime:                  480min,0sess
QuickModeSecMethods:                  ESP:SHA1-None+60min+100000kb,AH:SHA1+60min+100000kb
QuickModePFS:                         None
Rule source:                          Local Setting
ApplyAuthorization:                   No
Ok.
`
  const { value, problems } = readShownRules(shown, 'shown')
  assert.deepEqual(problems.map(formatProblem), [])
  const [rule] = value.rules
  assert.deepEqual(
    [rule?.protocol, rule?.ports2, rule?.profiles],
    [17, [{ first: 1701, last: 1701 }], ['private', 'public']],
  )
  assert.equal(value.mainModeSets[0]?.proposals.length, 2)
  assert.match(showRules(value).value, /Endpoint2: {28}131\.107\.0\.2\/32/)
})

test('a field that nobody knows is a problem with its line', () => {
  const { problems } = readShownRules(
    'Rule Name: x\nEnabled: Yes\nFlavour: sweet\nAction: NoAuthentication\nEndpoint1: Any\nEndpoint2: Any\n',
    's',
  )
  assert.deepEqual(
    problems.map(({ where, what }) => [where, what]),
    [['s:3', 'the field "Flavour" is not known']],
  )
})

test('router discovery has no word in netsh, and that is said', () => {
  const { losses } = showGlobal({ ...run(''), settings: { exemptions: 4 } })
  assert.match(losses.map(formatProblem).join('\n'), /router discovery/)
})

test('a line of show global that nobody knows is a problem', () => {
  const { problems } = readShownGlobal('IPsec:\nStrongCRLCheck   0:Disabled\nWhatever   Yes\n', 'g')
  assert.deepEqual(
    problems.map(({ where }) => where),
    ['g:3'],
  )
})

test('a description with a percent sign and quotes comes back from the commands', () => {
  const policy = run(`${ADD} description="50%% of \\"it\\""`)
  assert.equal(policy.rules[0]?.description, '50% of "it"')
  assert.equal(run(writeAdvfirewall(policy).value).rules[0]?.description, '50% of "it"')
})

const samples = resolve(import.meta.dirname, '../../../shared/testdata/policy-texts')
const skip = existsSync(samples) ? false : 'skipped, because ../shared/testdata is not there'

test("Microsoft's pairs and a published batch file are read without an error", { skip }, () => {
  const pairs = readFileSync(`${samples}/microsoft-docs/netsh-advfirewall-vs-powershell-pairs.txt`, 'utf8')
  const commands = pairs.split('\n').filter(line => line.startsWith('netsh'))
  for (const text of [commands.join('\n'), readFileSync(`${samples}/sec505/NetShell-Add-IPSec-Rule.bat`, 'utf8')]) {
    const { policy, problems } = runAdvfirewall(text, 'sample')
    assert.deepEqual(
      problems.filter(({ severity }) => severity === 'error'),
      [],
    )
    assert.ok(policy.rules.length > 0)
    const again = runAdvfirewall(writeAdvfirewall(policy).value, 'again')
    assert.deepEqual(again.problems, [])
  }
})
