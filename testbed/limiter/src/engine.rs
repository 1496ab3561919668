//! Decisions: every descriptor of a request is counted against its limit.

use std::collections::HashMap;

use limitador::{
    AsyncRateLimiter, CheckResult,
    errors::LimitadorError,
    limit::{Condition, Limit},
    storage::redis::AsyncRedisStorage,
};

use crate::{
    budgets::{Budget, Budgets},
    protocol::{
        Code, CurrentLimit, Descriptor, DescriptorStatus, Duration, RateLimitRequest,
        RateLimitResponse,
    },
};

/// The only variable of each limit: the open values of a descriptor.
const VALUES: &str = "values";
const NO_CONDITIONS: [Condition; 0] = [];

pub struct Engine {
    budgets: Budgets,
    limiter: AsyncRateLimiter,
}

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("cannot connect to Redis: {0}")]
    Storage(String),
}

impl Engine {
    pub async fn connect(budgets: Budgets, redis: &str) -> Result<Engine, EngineError> {
        let storage = AsyncRedisStorage::new(redis)
            .await
            .map_err(|error| EngineError::Storage(error.to_string()))?;
        let limiter = AsyncRateLimiter::new_with_storage(Box::new(storage));
        budgets.for_each(&mut |path, limit| {
            let (most, seconds) = (limit.requests_per_unit.into(), limit.unit.seconds());
            limiter.add_limit(Limit::new(path, most, seconds, NO_CONDITIONS, [VALUES]));
        });
        Ok(Engine { budgets, limiter })
    }

    /// Counts the request against the limits of all its descriptors. It is over the limit if one of them is.
    pub async fn decide(
        &self,
        request: &RateLimitRequest,
    ) -> Result<RateLimitResponse, LimitadorError> {
        let mut statuses = Vec::with_capacity(request.descriptors.len());
        for descriptor in &request.descriptors {
            statuses.push(self.status(request, descriptor).await?);
        }
        let is_over = |status: &DescriptorStatus| status.code == Code::OverLimit as i32;
        let overall_code = if statuses.iter().any(is_over) {
            Code::OverLimit
        } else {
            Code::Ok
        };
        Ok(RateLimitResponse {
            overall_code: overall_code.into(),
            statuses,
        })
    }

    async fn status(
        &self,
        request: &RateLimitRequest,
        descriptor: &Descriptor,
    ) -> Result<DescriptorStatus, LimitadorError> {
        let known = request.domain == self.budgets.domain;
        let Some(budget) = self.budgets.find(&descriptor.entries).filter(|_| known) else {
            return Ok(DescriptorStatus {
                code: Code::Ok.into(),
                ..DescriptorStatus::default()
            });
        };
        let hits = descriptor
            .hits_addend
            .unwrap_or(request.hits_addend.max(1).into());
        let hits = hits.try_into().unwrap_or(i64::MAX);
        let result = self.count(&budget, hits).await?;
        let code = if result.limited && !budget.is_shadow {
            Code::OverLimit
        } else {
            Code::Ok
        };
        let counter = result.counters.first();
        let remaining = counter
            .and_then(|counter| counter.remaining())
            .unwrap_or_default();
        let reset = counter
            .and_then(|counter| counter.expires_in())
            .unwrap_or_default();
        Ok(DescriptorStatus {
            code: code.into(),
            current_limit: Some(CurrentLimit {
                requests_per_unit: budget.limit.requests_per_unit,
                unit: budget.limit.unit.into(),
                name: budget.limit.name.clone(),
            }),
            limit_remaining: remaining.max(0).try_into().unwrap_or(u32::MAX),
            // Rounded up: a client that waits this long is not refused again.
            duration_until_reset: Some(Duration {
                seconds: reset
                    .as_millis()
                    .div_ceil(1000)
                    .try_into()
                    .unwrap_or(i64::MAX),
            }),
        })
    }

    /// Adds the hits to the counter and compares it with the limit. As in envoyproxy/ratelimit, hits over the limit are added too, so
    /// that no token of a response is lost, and zero hits only read the counter.
    async fn count(&self, budget: &Budget<'_>, hits: i64) -> Result<CheckResult, LimitadorError> {
        let namespace = budget.path.as_str().into();
        let values = HashMap::from([(VALUES.to_owned(), format!("{:?}", budget.values))]);
        let limiter = &self.limiter;
        let result = limiter
            .check_rate_limited_and_update(&namespace, &values, hits, true)
            .await?;
        if result.limited {
            limiter.update_counters(&namespace, &values, hits).await?;
        }
        Ok(result)
    }
}
