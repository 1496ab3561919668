// Verifies a signed release with Sigstore's own library, as cosign does with `--key`: SHA256SUMS, and the provenance in its DSSE envelope.
// usage: verify_release.mjs DIRECTORY
import { createHash, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bundleFromJSON } from "@sigstore/bundle";
import { toSignedEntity, Verifier } from "@sigstore/verify";

const read = (name) => readFileSync(join(process.argv[2], name));
const publicKey = createPublicKey(read("release.pub"));
const trust = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [], publicKey: () => ({ publicKey, validFor: () => true }) };
const verifier = new Verifier(trust, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });

const bundle = (content) =>
    bundleFromJSON({
        mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
        verificationMaterial: { publicKey: { hint: "" }, tlogEntries: [] },
        ...content,
    });

const sums = read("SHA256SUMS");
const digest = createHash("sha256").update(sums).digest("base64");
const signature = read("SHA256SUMS.sig").toString().trim();
verifier.verify(toSignedEntity(bundle({ messageSignature: { messageDigest: { algorithm: "SHA2_256", digest }, signature } }), sums));
verifier.verify(toSignedEntity(bundle({ dsseEnvelope: JSON.parse(read("provenance.intoto.jsonl")) })));
console.log("verified");
