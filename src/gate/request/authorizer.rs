//! The steps of one decision: headers → token → signature → verified claims → decision.

use crate::audit::{Caller, Record};
use crate::cache::TokenCache;
use crate::config::Config;
use crate::credential::store::{CredentialAccess, CredentialStore, InjectedCredential};
use crate::decision::{CredentialUnavailable, Denial};
use crate::gate::request::groups::LookUp;
use crate::gate::request::identify::Identified;
use crate::gate::request::mcp::Session;
use crate::gate::request::pending::Dependency;
use crate::gate::response::Shown;
use crate::gate::{Call, Notice};
use crate::groups::Lookups;
use crate::http::cluster::Cluster;
use crate::http::headers::Headers;
use crate::keys::issuer_keys::IssuerKeys;
use crate::metrics;
use crate::model::body::Body;
use crate::model::catalog::Listing;
use crate::model::request::Request;
use crate::policy::context::RequestContext;
use crate::policy::decide::Permit;
use crate::policy::trace::RuleTrace;
use crate::reply::ReplyContext;
use crate::reply::protected_resource::ProtectedResource;
use crate::revocation::{Revocation, Standing};
use crate::time::Timestamp;
use crate::token::bearer;
use crate::token::claims::Claims;
use crate::token::signature::SignatureCheck;
use crate::token::verify::{Authentic, Verified};
use std::sync::Arc;

const REPEATED: &str = "a header that must not go upstream occurs more than once";

/// The outcome of one authorization attempt.
#[derive(Debug)]
pub enum Outcome {
    /// `caller` is absent if the rule requires no token.
    Permit {
        permit: Permit,
        caller: Option<Verified<Claims>>,
        /// The credential to inject; absent if the rule sends no credential.
        credential: Option<InjectedCredential>,
    },
    Deny(Denial),
    /// The request is for the protected resource metadata.
    Metadata(Arc<ProtectedResource>),
    /// The dependency is being fetched. `signed` is the progress so far, if the signature was verified.
    Wait {
        dependency: Dependency,
        signed: Option<Box<Signed>>,
    },
    /// A rule needs the body, which has not arrived. Holds the progress so far; `None` if a rule without a token needs
    /// it.
    Inspect(Option<Box<Signed>>),
}

/// A request whose token's signature was verified. The decision checks again whether the token and its
/// key are still valid, since the body may have arrived much later.
#[derive(Debug)]
pub struct Signed {
    pub request: Request,
    issuer: usize,
    authentic: Authentic,
}

/// Whether a request may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitBudget {
    Until(Timestamp),
    /// The request has waited until its deadline.
    Expired,
    /// The limit of pending requests is reached.
    NoCapacity,
}

impl WaitBudget {
    /// Returns the time at which the wait must end; now, if the request must not wait.
    pub fn deadline(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Until(deadline) => deadline,
            Self::Expired | Self::NoCapacity => now,
        }
    }
}

/// The credential behind a permit.
enum PermittedAccess {
    Open(Option<InjectedCredential>),
    Wait(Dependency),
}

/// One authorization attempt for one request. Only the record and the body's state persist between
/// attempts.
pub struct Authorizer<'g> {
    pub config: &'g Config,
    pub issuer_keys: &'g mut [IssuerKeys],
    pub revocation: &'g Revocation,
    pub credential_store: &'g mut CredentialStore,
    pub lookups: &'g mut [Option<Lookups>],
    pub cache: &'g mut TokenCache,
    pub record: &'g mut Record,
    pub notices: &'g mut Vec<Notice>,
    pub reply_context: &'g mut ReplyContext,
    pub body: &'g mut Body,
    /// The cluster that the host has chosen for the request.
    pub cluster: &'g Cluster,
    /// A permitted request whose body is still arriving, for shadow rules that need it.
    pub observed: &'g mut Option<Box<Signed>>,
    /// The MCP session of the request.
    pub session: &'g mut Session,
    /// The models or tools that the caller may see, if the response may list them.
    pub view: &'g mut Option<Shown>,
    /// The host withholds the bodies of held responses, so lists of models can't be filtered.
    pub lists_withheld: bool,
    /// The host passes no responses to the filter.
    pub responses_withheld: bool,
    /// If a header occurs several times, the host removes only the first copy and sends the others upstream.
    pub keeps_repeated_headers: bool,
    /// Calls that this attempt needs.
    pub calls: &'g mut Vec<Call>,
    pub context: RequestContext,
    /// The trace of the rules, if it is enabled.
    pub trace: Option<&'g mut Vec<RuleTrace>>,
    pub budget: WaitBudget,
    pub signatures: &'g dyn SignatureCheck,
}

impl Authorizer<'_> {
    /// Authorizes a request from its headers.
    pub fn authorize(&mut self, headers: &Headers) -> Outcome {
        self.examine_request(headers).unwrap_or_else(Outcome::Deny)
    }

    /// Continues with a request whose token's signature was verified, and whose body may have arrived since.
    pub fn authorize_signed(&mut self, mut signed: Signed) -> Outcome {
        signed.request.note_content(self.body.content());
        self.conclude_later(signed).unwrap_or_else(Outcome::Deny)
    }

    fn examine_request(&mut self, headers: &Headers) -> Result<Outcome, Denial> {
        let request = self.read_request(headers)?;
        if self.keeps_repeated_headers {
            self.refuse_repeated(headers)?;
        }
        let resource = self.config.replies.protected_resource.as_ref();
        if let Some(resource) = resource.filter(|resource| resource.is_asked_by(&request)) {
            return Ok(Outcome::Metadata(resource.clone()));
        }
        self.note_trace(&request, None);
        let in_doubt = self.config.policy.anonymous_needs_body(&request);
        if in_doubt && self.body.is_coming() {
            return Ok(Outcome::Inspect(None));
        }
        if let Some(permit) = self.config.policy.permit_anonymous(&request) {
            let permit = permit?;
            self.limit_view(&request, None)?;
            self.enter_mcp(&request, None)?;
            return match self.open(&permit, &request.cluster, None)? {
                PermittedAccess::Open(credential) => Ok(Outcome::Permit {
                    permit,
                    caller: None,
                    credential,
                }),
                PermittedAccess::Wait(dependency) => {
                    let signed = None;
                    Ok(Outcome::Wait { dependency, signed })
                }
            };
        }
        let rules = &self.config.token;
        let token =
            bearer::extract(headers, &rules.locations, rules.max_bytes).map_err(|denial| {
                let unavailable = request.model.unavailable().or(request.mcp.unavailable());
                match (denial, unavailable) {
                    // A request without a token was meant for the anonymous rule.
                    (Denial::TokenMissing { .. }, Some(unavailable)) if in_doubt => {
                        unavailable.denial()
                    }
                    (denial, _) => denial,
                }
            })?;
        let (issuer, authentic) = match self.identify(token)? {
            Identified::As(issuer, authentic) => (issuer, authentic),
            Identified::Wait { issuer } => {
                let (dependency, signed) = (Dependency::Keys(issuer), None);
                return Ok(Outcome::Wait { dependency, signed });
            }
        };
        self.count(metrics::verified_by(authentic.checked_by));
        self.record.kid = authentic.key.kid.clone();
        self.record.verified_by = Some(authentic.checked_by.name());
        self.record.caller = Caller::of(authentic.claims(), &self.config.audit.claims);
        self.conclude(Signed {
            request,
            issuer,
            authentic,
        })
    }

    /// Decides a request whose token was verified in an earlier attempt.
    fn conclude_later(&mut self, signed: Signed) -> Result<Outcome, Denial> {
        self.note_body(&signed.request);
        self.record.credential = None;
        if self.must_wait_for_keys(signed.issuer, &signed.authentic)? {
            Ok(Outcome::Wait {
                dependency: Dependency::Keys(signed.issuer),
                signed: Some(Box::new(signed)),
            })
        } else {
            self.conclude(signed)
        }
    }

    /// Decides, if everything that the decision needs is available.
    fn conclude(&mut self, signed: Signed) -> Result<Outcome, Denial> {
        let (config, request) = (self.config, &signed.request);
        let caller = signed.authentic.verify(&config.token, self.context.now)?;
        if self.must_wait_for_revocations(&caller)? {
            let (dependency, signed) = (Dependency::Revocation, Some(Box::new(signed)));
            return Ok(Outcome::Wait { dependency, signed });
        }
        self.recall_groups(signed.issuer, &caller);
        let mut decision = config.policy.decide(request, &caller, &self.context);
        if decision.depends_on_body && self.body.is_coming() {
            return Ok(Outcome::Inspect(Some(Box::new(signed))));
        }
        let is_permitted = decision.outcome.is_ok();
        match self.look_up_groups(request, signed.issuer, &caller, is_permitted) {
            LookUp::Unchanged => {}
            LookUp::Changed => decision = config.policy.decide(request, &caller, &self.context),
            LookUp::Wait(dependency) => {
                let signed = Some(Box::new(signed));
                return Ok(Outcome::Wait { dependency, signed });
            }
        }
        self.note_trace(request, Some(&caller));
        self.record.note_shadow(&decision.shadow);
        let permit = decision.outcome?;
        self.limit_view(request, Some(&caller))?;
        self.enter_mcp(request, Some(&caller))?;
        let credential = match self.open(&permit, &request.cluster, Some(&caller))? {
            PermittedAccess::Open(credential) => credential,
            PermittedAccess::Wait(dependency) => {
                let signed = Some(Box::new(signed));
                return Ok(Outcome::Wait { dependency, signed });
            }
        };
        if self.body.is_coming() {
            *self.observed = Some(Box::new(signed));
        }
        Ok(Outcome::Permit {
            permit,
            caller: Some(caller),
            credential,
        })
    }

    /// Opens the credential store with a permit. If the credential is being fetched, the request waits
    /// and is decided again, in full, when the fetch ends.
    fn open(
        &mut self,
        permit: &Permit,
        to: &Cluster,
        caller: Option<&Verified<Claims>>,
    ) -> Result<PermittedAccess, Denial> {
        let now = self.context.now;
        let by = self.budget.deadline(now);
        self.record.credential = self.credential_store.name(permit).cloned();
        let unavailable = |reason| {
            let rule = permit.rule().clone();
            Err(Denial::CredentialUnavailable { rule, reason })
        };
        match self.credential_store.open(permit, to, caller, by, now)? {
            None => Ok(PermittedAccess::Open(None)),
            Some(CredentialAccess::Ready(held)) => Ok(PermittedAccess::Open(Some(held))),
            Some(CredentialAccess::Unavailable { reason, coming }) => match (coming, self.budget) {
                (Some(coming), WaitBudget::Until(_)) => {
                    Ok(PermittedAccess::Wait(Dependency::Credential(coming)))
                }
                (Some(_), WaitBudget::NoCapacity) => {
                    unavailable(CredentialUnavailable::TooManyWaiting)
                }
                (Some(_), WaitBudget::Expired) | (None, _) => unavailable(reason),
            },
        }
    }

    /// Returns the models that the request asks for, if the caller may see only some of them.
    pub(super) fn filtered_listing<'r>(&self, request: &'r Request) -> Option<Listing<'r>> {
        if self.config.forward.filter_models {
            Listing::asked_by(request)
        } else {
            None
        }
    }

    /// Limits a permitted request for models to those that the caller may see. A request for one model
    /// gets the same answer whether the model does not exist or is not permitted.
    fn limit_view(
        &mut self,
        request: &Request,
        caller: Option<&Verified<Claims>>,
    ) -> Result<(), Denial> {
        let Some(listing) = self.filtered_listing(request) else {
            return Ok(());
        };
        let caller = caller.map(|caller| (caller, &self.context));
        let credential_store = &*self.credential_store;
        let is_sent = |credential| credential_store.may_send(credential, &request.cluster);
        let view = self.config.policy.view(request, caller, &is_sent);
        match listing {
            Listing::All if self.lists_withheld => {
                let reason = "the host does not deliver its body";
                return Err(Denial::ModelsUnreadable(reason));
            }
            Listing::All => *self.view = Some(Shown::Models(view)),
            Listing::One(id) if view.shows(id) => {}
            Listing::One(id) => {
                let model = id.to_owned();
                return Err(Denial::ModelNotFound { model });
            }
        }
        Ok(())
    }

    /// Checks the caller against the lists of revocations; called for every decision, even if the token is cached.
    /// Returns true if the request must wait for a list.
    fn must_wait_for_revocations(&self, caller: &Claims) -> Result<bool, Denial> {
        match (
            self.revocation.standing(caller, self.context.now),
            self.budget,
        ) {
            (Standing::Clear, _) => Ok(false),
            (Standing::Revoked(ground), _) => Err(Denial::TokenRevoked { ground }),
            (Standing::Unreadable, _) => Err(Denial::TokenMalformed(
                "its client, oid, sid, uti or jti has an unexpected form, so its revocation can't be checked",
            )),
            (Standing::Unknown(unknown), WaitBudget::Until(by)) if unknown.may_end_by(by) => {
                Ok(true)
            }
            (Standing::Unknown(unknown), _) if unknown.is_lenient => Ok(false),
            (Standing::Unknown(unknown), _) => Err(Denial::RevocationUnavailable {
                list: unknown.list,
                reason: unknown.reason,
            }),
        }
    }

    /// Records the decisions that shadow rules would have made, once the body of a permitted request is known.
    pub fn observe(&mut self, signed: &Signed) {
        self.note_body(&signed.request);
        let now = self.context.now;
        if let Ok(caller) = signed.authentic.verify(&self.config.token, now) {
            self.recall_groups(signed.issuer, &caller);
            let decision = self
                .config
                .policy
                .decide(&signed.request, &caller, &self.context);
            self.record.note_shadow(&decision.shadow);
        }
    }

    pub fn count(&mut self, name: &'static str) {
        self.notices.push(Notice::Count(name.into()));
    }

    /// Denies a repeated header that must be removed, for hosts that remove only its first copy.
    fn refuse_repeated(&self, headers: &Headers) -> Result<(), Denial> {
        let is_repeated = |name: &&str| headers.all(name).nth(1).is_some();
        if self
            .config
            .stripped
            .present(headers)
            .iter()
            .any(is_repeated)
        {
            return Err(Denial::RequestAmbiguous(REPEATED));
        }
        Ok(())
    }
}
