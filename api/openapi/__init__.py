"""OpenAPI: the API described from its records and its scheme, for kubectl (explain, validation) and generators."""

from api.openapi.documents import v2 as v2
from api.openapi.documents import v3 as v3
from api.openapi.documents import v3_index as v3_index
