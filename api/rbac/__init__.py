"""Role-based access control: rule evaluation, aggregation and the default policy. Pure; see `rules` for decisions."""

from api.rbac.aggregation import aggregate as aggregate
from api.rbac.bootstrap import bootstrap as bootstrap
from api.rbac.rules import Attributes as Attributes
from api.rbac.rules import allows as allows
from api.rbac.rules import covers as covers
from api.rbac.rules import describe as describe
from api.rbac.rules import rule_allows as rule_allows
from api.rbac.rules import uncovered as uncovered
